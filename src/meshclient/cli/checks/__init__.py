"""What ``meshclient check`` looks at: a file for each category decides, and others gather what is decided on."""

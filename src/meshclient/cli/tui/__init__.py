"""The live screen over a running process: ``meshclient top``, with textual."""

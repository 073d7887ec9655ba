"""Objects as bytes: JSON, MessagePack and Protocol Buffers, chosen by content type."""

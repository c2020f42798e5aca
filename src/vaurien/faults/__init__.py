"""The faults native to each protocol, one file each: data, and how their bytes are made."""

"""Reaching a host: the only room that knows paramiko, and that loads it late."""

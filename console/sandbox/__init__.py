"""The make-believe host: files in a scratch directory, stand-in commands, and name servers inside this process.

Everything that the console runs on a real host runs here unchanged, with nothing installed and no privilege.
"""

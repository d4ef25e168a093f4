"""What all servers share: sockets and connections, the database, the state folder, options for clients.

It imports no other package of this folder, and must not know what is served or stored.
"""

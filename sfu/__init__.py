"""The selective forwarding unit: workers relay media, recorders keep it, finalizers derive from it.

Nothing here knows accounts, pages or the session log; it is told what to do over `sfu.control`.
"""

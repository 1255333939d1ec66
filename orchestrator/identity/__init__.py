"""Who somebody is and what he may do: accounts, join links, cookies, roles."""

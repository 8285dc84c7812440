"""Two-factor authentication: set up, asked for, shown; one set of authenticators for the website and for npm.

The authenticators themselves are django-allauth's. Here is what it does not have: setting up without a browser, codes
that one command may repeat, and approving a command in the browser instead of typing a code.
"""

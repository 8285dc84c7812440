"""A company that never was, for trying the product out: its words, its people, its packages.

words and readmes: what it writes. people: who works there. catalogue: every package and version, drawn from a seed.
packing: tarballs. company, releases, use: all of it made through the verbs. calendar: when it happened.
"""

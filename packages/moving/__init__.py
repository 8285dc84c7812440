"""Moving in: what another registry has, or a folder of tarballs, becomes ours.

sources says what a source has; verdaccio, remote and loose are the sources; people and homes decide who holds it here;
planning compares it with what is here; arriving writes it; running does all of it, and counts. A tarball's bytes are
never changed, a package of ours is never overwritten, and what is here already costs nothing, so it may be repeated.
"""

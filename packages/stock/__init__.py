"""What the mirror has in stock: kept within limits, filled ahead from lockfiles, carried to machines without a network.

holdings says what is here, pruning takes away what was not used; wanted and warming fill it; bundles is the file that
exporting writes and importing reads.
"""

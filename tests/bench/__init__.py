"""How fast this registry is beside others: `make bench`, or `make bench ONLY=packument`.

All servers run side by side on loopback and are asked in turns, so that what the machine does besides hits all alike.
What counts first is the CPU that a server's processes took for a request; it is steadier than any clock.
Each module measures one thing and gives back a report.Section; run.py has the servers, __main__.py the order.
"""

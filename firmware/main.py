# The first Python that runs after reset. An exception that gets out of here is logged, and resets the board.
from station.main import run

run()

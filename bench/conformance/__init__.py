"""Which of Part 6's test cases apply to a station (Part 5), and what came of them.

robot/core.csv is Part 5's list of the Core profile, firmware/pics.toml what the station declares.
"""

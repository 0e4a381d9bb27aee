"""Do the methods and the machine hold what they promise?"""

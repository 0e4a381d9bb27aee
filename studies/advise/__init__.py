"""How good the advice is: the advised method's test accuracy beside the best of all methods in a folder of results."""

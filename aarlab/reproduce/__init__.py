"""Published results of collective search, reproduced with the project's topologies, rounds and scripted agents."""

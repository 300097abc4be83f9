print("n/a: Lua has no big integers")
os.exit(0)

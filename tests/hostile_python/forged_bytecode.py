# threat: T2
# ends: any


def victim():
    return 1


for byte in range(256):
    code = victim.__code__.replace(co_code=bytes([byte, 255] * 40), co_stacksize=1, co_consts=(), co_names=())
    try:
        exec(code)
    except Exception:
        pass

# threat: T8
# ends: exception


def back():
    call(back)


call(back)

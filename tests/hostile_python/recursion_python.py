# threat: T5
# ends: exception


def again():
    again()


again()

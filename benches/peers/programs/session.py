"""What an agent says to a session that is kept: statements fed one by one, each below a line `# next`."""

# next
import json

# next
orders = [("tea", 2.5, 2), ("coffee", 3.0, 1), ("cake", 4.25, 3), ("tea", 2.5, 1)]


# next
def price(order):
    return order[1] * order[2]


# next
due = sum([price(order) for order in orders])
# next
by_item = {item: 0.0 for item, _, _ in orders}
# next
for order in orders:
    by_item[order[0]] += price(order)
# next
dearest = max(by_item, key=lambda item: by_item[item])
# next
text = json.dumps(by_item)
# next
same = json.loads(text) == by_item
# next
report = f"{dearest}: {by_item[dearest]:.2f} of {due:.2f}, {len(text)} bytes, {same}"

# threat: T4
# ends: exception, limit memory, limit timeout

import xml.etree.ElementTree

entities = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(9))
document = f'<!DOCTYPE d [<!ENTITY e0 "xxxxxxxxxx">{entities}]><d>&e9;</d>'
xml.etree.ElementTree.fromstring(document)

NAME = "reads the channel itself"
KIND = "reading"
WHY = "Reads the requests off descriptor 3 before the agent does, and answers them itself."

import json
import os
import struct
import threading


def listen():
    while True:
        data = os.read(3, 1 << 20)
        header_length, _ = struct.unpack_from(">IQ", data)
        request = json.loads(data[12 : 12 + header_length])["tree"]
        tree = {"tree": {"number": request["number"], "response": {"value": 0.0, "has_graph": True}}, "arrays": []}
        header = json.dumps(tree).encode()
        os.write(3, struct.pack(">IQ", len(header), 0) + header)


threading.Thread(target=listen, daemon=True).start()

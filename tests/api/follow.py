"""A client that openapi-python-client made of docs/openapi.json makes a message and follows it."""

import os
import time

from python import AuthenticatedClient
from python.api.contacts import post_contacts
from python.api.messages import get_messages_deliveries_one, get_messages_one, post_messages
from python.models import Message, MessageStatus, NewContact, NewMessage, NewMessageMetadataType0

client = AuthenticatedClient(base_url=os.environ["API_URL"], token=os.environ["API_KEY"])
contact = NewContact(name="Budi", phone_number="0812-0000-7001", tags=["vip"])
assert post_contacts.sync(client=client, body=contact).phone_number == "+6281200007001"
metadata = NewMessageMetadataType0()
metadata["order"] = 17
new = NewMessage(text="Halo {{name|Kak}}", to=["tag:vip", "081200007002"], metadata=metadata)
made = [post_messages.sync(client=client, body=new, idempotency_key="python-1") for _ in range(2)]
assert made[0].id == made[1].id and made[0].recipients == 2, made
for _ in range(200):
    message = get_messages_one.sync(made[0].id, client=client)
    assert isinstance(message, Message), message
    if message.status == MessageStatus.SENT:
        break
    time.sleep(0.1)
assert message.counts.sent == 2 and message.metadata["order"] == 17, message
deliveries = get_messages_deliveries_one.sync(made[0].id, client=client).data
assert sorted(one.text for one in deliveries) == ["Halo Budi", "Halo Kak"], deliveries
print("python: message", message.id, "is", message.status.value)

"""
A second agent, written from docs/protocol.md and from nothing else: it takes an invitation, dials, holds the link,
is found by a search and searches, opens a letter and reports it, and sends letters of its own. What concerns OpenPGP
is GnuPG's. It forgets all when it ends; a real one would write down what it promises before it says so.

    stranger.py CODE NET    commands on standard input, events on standard output, both as lines of JSON
"""
import base64, json, os, secrets, select, subprocess, sys, tempfile, time
from stranger_keys import (DAY, Agent, Card, Entity, Gpg, Refused, b32, b64u, compact, hash_of, notation, now,
                           require, sha256, target_of)
from stranger_link import Connection, Link1, read_invitation

def say(event, **more): print(compact({'event': event, **more}), flush=True)

def hands_in(body):
    at = 0
    while at < len(body):
        start = at + 4 + int.from_bytes(body[at:at + 4], 'big')
        head = json.loads(body[at + 4:start])
        at = start + head['size']
        yield head, body[start:at]

class Stranger:
    def __init__(self, gpg, code, net):
        self.gpg, self.net, self.agent = gpg, net, Agent(net)
        self.peer, token, self.place = read_invitation(code)
        self.entity = Entity(gpg, f'anna@{self.agent.id}.vouchsafe.alt', self.agent.id, net)
        self.link = Link1(token, {'agent': self.agent.id, 'name': 'A stranger', 'software': 'stranger.py',
                                   'owner': self.entity.card})
        self.todo, self.ways, self.outbox, self.receipts = [], {}, {}, {}
        say('made', address=self.entity.address)
        first = self.dial()
        invited = {'v': 1, 't': 'INVITED', 'name': 'A stranger', 'addresses': [], 'token': b64u(token)}
        require(first.call('/pair', invited)['t'] == 'LINKED')
        first.close()
        self.link.prove(self.dial(), net, breaks=True)  # as if the line were bad: nothing must come of it
        self.connect()

    def dial(self): return Connection(self.agent, self.place, self.peer, self.answer)

    def connect(self, breaks=False):
        self.connection = self.dial()
        self.link.prove(self.connection, self.net, breaks)
        if breaks:
            return self.connect()
        at = now()
        reach = self.agent.sign('REACH', **{'for': self.peer}, addresses=[], via=[], seq=at, expires=at + 2 * DAY)
        self.tell('REACH', record=reach)
        say('up', n=self.link.kept['key'][1])

    def tell(self, kind, **fields):
        [answer] = self.connection.call('/records', [compact({'v': 1, 't': kind, **fields})])
        require(answer == {'ok': True}, str(answer))

    def answer(self, path, body):
        """Must not call: what is to be said besides the answer waits in `todo`."""
        if path == '/records':
            return [self.each(self.hear, json.loads(text)) for text in json.loads(body)]
        if path == '/hands':
            return [self.each(self.take, *one) for one in hands_in(body)]
        return {'refused': 'record-type', 'detail': path}

    def each(self, do, *args):
        try:
            return do(*args)
        except Refused as refusal:
            say('refused', why=str(refusal))
            return {'refused': str(refusal), 'detail': ''}

    def hear(self, message):
        kind = message['t']
        if kind == 'WHO':
            self.todo.append(lambda: self.found(message))
        elif kind == 'PATH':
            self.learn(message)
        elif kind == 'NONE' and message['qid'] in self.outbox:
            self.todo.append(lambda: self.ask(*self.outbox.pop(message['qid'])))
        elif kind == 'REPORTS':
            for signer, report in [self.agent.read('REPORT', text) for text in message['reports']]:
                require(report['origin'] == self.agent.id and report['id'] == message['id'], 'report-foreign')
                say('report', by=signer, what=report['event'], id=report['id'])
        return {'ok': True}

    # §5 Finding a path

    def found(self, who):
        if who['target'] not in [target_of(self.entity.address), b32(sha256(b'id', self.entity.id.encode()))]:
            return self.tell('NONE', qid=who['qid'], cut=False)
        path = self.agent.sign('PATH', qid=who['qid'], target=who['target'], entity=self.entity.id,
                               route=[*who['hops'], self.agent.id], card=hash_of(self.entity.card), expires=now() + DAY)
        self.tell('PATH', path=path, hops=[], card=self.entity.card)

    def ask(self, to, text, ttl):
        """Rings of growing width; after each the letter waits for its answer, under the question's id."""
        if ttl > 5:
            return say('unknown', address=to)
        qid = secrets.token_hex(16)
        self.outbox[qid] = to, text, ttl + 1
        self.tell('WHO', qid=qid, target=target_of(to), ttl=ttl, hops=[self.agent.id], withinMs=2000)

    def learn(self, message):
        signer, path = self.agent.read('PATH', message['path'])
        require(path['qid'] in self.outbox)
        to, text, _ = self.outbox.pop(path['qid'])
        route, hops = path['route'], [self.agent.read('HOP', hop) for hop in message['hops']]
        require(route[0] == self.agent.id and route[-1] == signer and len({*route}) == len(route))
        require([relay for relay, _ in hops] == route[-2:0:-1])
        require({hop['path'] for _, hop in hops} <= {hash_of(message['path'])})
        require(path['card'] == hash_of(message['card']) and path['target'] == target_of(to))
        card = Card(self.gpg, message['card'], self.net)
        require(card.agent == signer and card.entity == path['entity'] and card.address == to, 'card-invalid')
        self.ways[to] = card, route
        self.todo.append(lambda: self.send(to, text))

    # §4 Envelopes

    def take(self, head, payload):
        origin, envelope = self.agent.read('ENVELOPE', head['envelope'])
        holder, texts, signer = origin, [head['envelope']], None
        for text in head['stamps']:
            signer, stamp = self.agent.read('STAMP', text)
            require(signer == holder and stamp['id'] == envelope['id'], 'chain-broken')
            require(stamp['chain'] == hash_of(*texts), 'chain-broken')
            holder = stamp['to']
            texts.append(text)
        require(holder == self.agent.id and signer == self.peer, 'chain-broken')
        require(envelope['expires'] > now(), 'envelope-expired')
        require(sha256(payload).hex() == envelope['hash'] and len(payload) == envelope['size'], 'payload-mismatch')
        require(envelope['to'] == self.entity.id, 'entity-unknown')
        about = {'origin': origin, 'id': envelope['id']}
        if (origin, envelope['id']) not in self.receipts:
            sender, letter = self.unseal(payload, envelope['id'], origin)
            text = base64.b64encode(letter).decode()
            say('letter', sender=sender, id=envelope['id'], stamps=len(head['stamps']), text=text)
            receipt = self.agent.sign('ACCEPTED', **about, **{'from': signer}, chain=hash_of(*texts), at=now())
            self.receipts[origin, envelope['id']] = receipt
            report = self.agent.sign('REPORT', **about, event='delivered', at=now())
            self.todo.append(lambda: self.tell('REPORTS', **about, reports=[report]))
        return {'accepted': self.receipts[origin, envelope['id']]}

    def unseal(self, payload, id, origin):
        """The key to verify by is in the signature: read first, and believed once that key has verified it."""
        signed, _ = self.gpg.run('--unwrap', '--decrypt', data=payload)
        at = signed.rfind(b'letter@vouchsafe.alt')
        claim = json.loads(signed[at + 20:][:int.from_bytes(signed[at - 2:at], 'big')])
        card = Card(self.gpg, claim['card'], self.net)
        text, status = self.gpg.run('--decrypt', data=payload)
        require('GOODMDC' in status, 'seal-broken')
        name, value = self.gpg.verified(card.fingerprint, status)
        require(name == 'letter@vouchsafe.alt' and json.loads(value) == claim, 'sender-unverified')
        require(claim['id'] == id and claim['to'] == self.entity.id, 'sender-unverified')
        require(claim['from'] == card.entity and card.agent == origin, 'sender-unverified')
        return card.address, text

    def send(self, to, text):
        card, route = self.ways[to]
        id, at = secrets.token_hex(16), now()
        claim = compact({'v': 1, 'id': id, 'from': self.entity.id, 'to': card.entity, 'address': to,
                         'card': self.entity.card})
        payload, _ = self.gpg.run('--local-user', self.entity.fingerprint, '--recipient', card.fingerprint,
                                  '--compress-algo', 'none', *notation('letter', claim),
                                  '--sign', '--encrypt', data=text)
        sized = {'hash': sha256(payload).hex(), 'size': len(payload)}
        envelope = self.agent.sign('ENVELOPE', id=id, to=card.entity, **sized, priority='normal', created=at,
                                   expires=at + 5 * DAY)
        stamp = self.agent.sign('STAMP', id=id, chain=hash_of(envelope), to=self.peer, at=at)
        head = compact({'v': 1, 'envelope': envelope, 'stamps': [stamp], 'route': route[2:], 'sha256': sized['hash'],
                        'size': len(payload), 'from': 0}).encode()
        [answer] = self.connection.call('/hands', len(head).to_bytes(4, 'big') + head + payload)
        signer, receipt = self.agent.read('ACCEPTED', answer.get('accepted', str(answer)))
        require(signer == self.peer and (receipt['origin'], receipt['from']) == (self.agent.id, self.agent.id))
        require(receipt['id'] == id and receipt['chain'] == hash_of(envelope, stamp))
        say('accepted', id=id)

    def live(self):
        """Until standard input ends, or the connection."""
        pinged, lines = time.monotonic(), b''
        while self.connection.is_open:
            while self.todo:
                self.todo.pop(0)()
            if 0 in select.select([0, self.connection.socket], [], [], 1)[0]:
                read = os.read(0, 65_536)
                if read == b'':
                    break
                *whole, lines = (lines + read).split(b'\n')
                self.todo += [lambda command=json.loads(line): self.obey(**command) for line in whole]
            self.connection.listen(0)
            if time.monotonic() - pinged > 20:
                pinged = time.monotonic()
                self.connection.http.ping(bytes(8))
                self.connection.flush()

    def obey(self, do, to='', text=''):
        if do == 'send':
            self.ask(to, base64.b64decode(text), 1)
        else:
            self.connection.close()
            self.connect(breaks=do == 'break')

with tempfile.TemporaryDirectory() as home:
    try:
        Stranger(Gpg(home), *sys.argv[1:]).live()
    finally:
        subprocess.run(['gpgconf', '--homedir', home, '--kill', 'all'], check=False)

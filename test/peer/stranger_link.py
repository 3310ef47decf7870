"""Of the stranger (stranger.py): one connection, both ways, and the proof that it begins with. docs/protocol.md, §3."""
import base64, hmac, json, re, secrets, select, socket, time
import h2.config, h2.connection, h2.events
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from OpenSSL import SSL, crypto
from stranger_keys import agent_id, b32, b64u, compact, now, require, sha256, unb64u

class Connection:
    """One that we dialled: calls go out on streams of ours, and come in on those that we lend."""
    def __init__(self, agent, place, peer, answer):
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_alpn_protos([b'vouchsafe/1'])
        context.use_certificate(crypto.X509.from_cryptography(agent.certificate()))
        context.use_privatekey(crypto.PKey.from_cryptography_key(agent.key))
        self.socket = socket.create_connection(place)
        self.tls = SSL.Connection(context, self.socket)
        self.tls.set_connect_state()
        self.tls.do_handshake()
        self.socket.setblocking(False)
        require(agent_id(self.tls.get_peer_certificate().to_cryptography().public_key()) == peer, 'agent-mismatch')
        self.exported = self.tls.export_keying_material(b'vouchsafe-link', 32, b'')
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding='utf8'))
        self.http.initiate_connection()
        self.answer, self.heads, self.bodies, self.ended, self.lent = answer, {}, {}, set(), set()
        self.is_open = True

    def open(self, path):
        stream = self.http.get_next_available_stream_id()
        header = {':method': 'POST', ':scheme': 'https', ':authority': 'peer', ':path': path}
        self.http.send_headers(stream, list(header.items()))
        self.bodies[stream] = b''
        return stream

    def end(self, stream, body):
        """Bodies here are small: the windows never fill."""
        for at in range(0, len(body), 16_384):
            self.http.send_data(stream, body[at:at + 16_384])
        self.http.end_stream(stream)
        self.flush()

    def lend(self, count):
        self.lent |= {self.open('/lend') for _ in range(count)}
        self.flush()

    def call(self, path, request):
        stream, deadline = self.open(path), time.monotonic() + 30
        self.end(stream, request if isinstance(request, bytes) else compact(request).encode())
        while stream not in self.ended:
            if not self.is_open or time.monotonic() > deadline:
                raise ConnectionError(f'{path} was not answered')
            self.listen(1)
        answer = json.loads(self.bodies.pop(stream))
        no = isinstance(answer, dict) and answer.keys() & {'refused', 'fault', 'busy', 'diverged'}
        require(not no, str(answer))
        return answer

    def flush(self):
        data = self.http.data_to_send()
        while data:
            try:
                data = data[self.tls.send(data):]
            except SSL.WantWriteError:
                select.select([], [self.socket], [])

    def listen(self, seconds):
        if not self.tls.pending():
            select.select([self.socket], [], [], seconds)
        try:
            events = self.http.receive_data(self.tls.recv(65_536))
        except SSL.WantReadError:
            return
        except SSL.Error:
            self.is_open = False
            return
        for event in events:
            if isinstance(event, h2.events.ResponseReceived):
                self.heads[event.stream_id] = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] += event.data
                self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.called(event.stream_id) if event.stream_id in self.lent else self.ended.add(event.stream_id)
        self.flush()

    def called(self, stream):
        self.lent.remove(stream)
        head = self.heads[stream]
        self.lend(1 + int(head['vouchsafe-more']) - len(self.lent))
        self.end(stream, compact(self.answer(head['vouchsafe-call'], self.bodies.pop(stream))).encode())

    def close(self):
        self.is_open = False
        self.socket.close()

def read_invitation(code):
    """@returns the inviter's agentId, the token, and where it can be dialled"""
    text = re.sub('[^a-z0-9]', '', code.lower()).removeprefix('vouchsafe').removeprefix('vs1').upper()
    data = base64.b32decode(text + '=' * (-len(text) % 8))
    require(data[-4:] == sha256(b'vs1-checksum', data[:-4])[:4])
    require(data[52] > 0 and data[53] == 4, 'this stranger dials IPv4 only')
    return b32(data[:32]), data[32:48], (socket.inet_ntoa(data[54:58]), int.from_bytes(data[58:60], 'big'))

WHICH = {'tentative': 1, 'key': 2, 'initial': 3}

def eight(value): return value.to_bytes(8, 'big', signed=True)
def mac(key, *parts): return hmac.digest(key, b''.join(parts), 'sha256')

class Link1:
    """The guest's part. A secret is kept with its n and the times of the connections that led to it."""
    def __init__(self, token, about):
        self.token, self.about, self.kept = token, about, {}
        self.incarnation = secrets.token_hex(8)

    def prove(self, connection, net, breaks=False):
        ek = connection.exported
        def derive(key, info): return HKDF(hashes.SHA256(), 32, ek, info).derive(key)
        aurq = connection.call('/hello', {'v': 1, 'net': net, 'link': secrets.token_hex(16), 'payloadBytes': 65_536,
                                          'recordBytes': 65_536, 'batchBytes': 1_048_576})['aurq']
        nonce, clock = unb64u(aurq['nonce']), now()
        first = {} if 'key' in self.kept else {'initial': (derive(self.token, b'vouchsafe-link first'), 0, [])}
        mine = {**self.kept, **first}
        proofs = []
        for which, (key, n, times) in mine.items():
            back = min(len(times), aurq['times'])
            q = clock - times[-back] if back else 0
            proof = mac(key, b'c', ek, nonce, *map(eight, [WHICH[which], n, back, q]))
            proofs.append({'which': which, 'n': n, 'back': back, 'q': q, 'mac': b64u(proof)})
        arpl = {'v': 1, **self.about, 'incarnation': self.incarnation, 'clock': clock, 'proofs': proofs}
        proceed = connection.call('/arpl', arpl)
        key, n, times = mine[proceed['which']]
        theirs = unb64u(proceed['random'])
        said = mac(key, b's', ek, nonce, eight(WHICH[proceed['which']]), eight(proceed['n']), theirs,
                   eight(proceed['at']), eight(int(proceed['warned'])))
        require(proceed['n'] == n + 1 and said == unb64u(proceed['mac']), 'link-diverged')
        ours = secrets.token_bytes(32)
        key = derive(key, b'vouchsafe-link next' + theirs + ours + eight(n + 1))
        self.kept['tentative'] = key, n + 1, [*([] if proceed['warned'] else times), clock]
        commit = {'v': 1, 'random': b64u(ours), 'mac': b64u(mac(key, b'k', ek))}
        if breaks:
            return connection.close()
        arsl = connection.call('/commit', commit)
        require(arsl['result'] == 'known' and mac(key, b'h', ek) == unb64u(arsl['mac']), 'link-diverged')
        self.kept = {'key': self.kept['tentative']}
        connection.lend(1)

package namespace

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"slices"

	"github.com/lodehq/lode/internal/hdfs"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
	journalpb "github.com/lodehq/lode/proto/lode/journal"
)

const tokenKind = "HDFS_DELEGATION_TOKEN"

// tokenState is the delegation tokens and the secrets that sign them (AbstractDelegationTokenSecretManager).
type tokenState struct {
	keys     map[int32]*journalpb.AddMasterKey
	current  int32
	sequence int32
	tokens   map[int32]*token // by sequence number
}

// token is never changed in place.
type token struct {
	id       []byte
	sequence int32
	renew    int64
	max      int64
	owner    string
	renewer  string
	password []byte
}

func (t *tokenState) init() {
	t.keys, t.tokens = map[int32]*journalpb.AddMasterKey{}, map[int32]*token{}
}

func (t *tokenState) expire(now int64) {
	for id, k := range t.keys {
		if k.GetExpiryMs() < now && id != t.current {
			delete(t.keys, id)
		}
	}
	for s, k := range t.tokens {
		if k.renew < now {
			delete(t.tokens, s)
		}
	}
}

func (n *Namespace) addMasterKey(req *journalpb.AddMasterKey) (*journalpb.AddMasterKeyResponse, error) {
	n.tokens.keys[req.GetKeyId()] = req
	n.tokens.current = max(n.tokens.current, req.GetKeyId())
	return &journalpb.AddMasterKeyResponse{}, nil
}

// CurrentMasterKey is the id of the secret that signs new tokens; ok is false when there is none that is valid: propose AddMasterKey
// with a greater id.
func (n *Namespace) CurrentMasterKey(nowMS int64) (id int32, ok bool) {
	k := n.tokens.keys[n.tokens.current]
	return n.tokens.current, k != nil && k.GetExpiryMs() > nowMS
}

func vlong(b *bytes.Buffer, v int64) { // WritableUtils.writeVLong
	if v >= -112 && v <= 127 {
		b.WriteByte(byte(v))
		return
	}
	l := -112
	if v < 0 {
		v, l = ^v, -120
	}
	for t := v; t != 0; t >>= 8 {
		l--
	}
	b.WriteByte(byte(l))
	size := -(l + 112)
	if l < -120 {
		size = -(l + 120)
	}
	for i := size - 1; i >= 0; i-- {
		b.WriteByte(byte(v >> (8 * i)))
	}
}

func text(b *bytes.Buffer, s string) { // Text.writeString
	vlong(b, int64(len(s)))
	b.WriteString(s)
}

// tokenIdentifier is AbstractDelegationTokenIdentifier.write.
func tokenIdentifier(owner, renewer, realUser string, issued, limit int64, sequence, key int32) []byte {
	var b bytes.Buffer
	b.WriteByte(0)
	text(&b, owner)
	text(&b, renewer)
	text(&b, realUser)
	vlong(&b, issued)
	vlong(&b, limit)
	vlong(&b, int64(sequence))
	vlong(&b, int64(key))
	return b.Bytes()
}

func sign(key, id []byte) []byte {
	m := hmac.New(sha1.New, key) // HmacSHA1 is Hadoop's default, hadoop.security.secret-manager.key-generator.algorithm
	m.Write(id)
	return m.Sum(nil)
}

// getDelegationToken answers without a token unless tokens are in use, as Apache does without security.
func (n *Namespace) getDelegationToken(h *Header, req *commonpb.GetDelegationTokenRequestProto) (*commonpb.GetDelegationTokenResponseProto, error) {
	key := n.tokens.keys[n.tokens.current]
	if !n.opt.AlwaysUseTokens || key == nil {
		return &commonpb.GetDelegationTokenResponseProto{}, nil
	}
	n.tokens.sequence++
	t := &token{sequence: n.tokens.sequence, owner: h.User, renewer: req.GetRenewer(), max: n.now + n.opt.TokenMaxLifetime.Milliseconds()}
	t.renew = min(n.now+n.opt.TokenRenewInterval.Milliseconds(), t.max)
	t.id = tokenIdentifier(t.owner, t.renewer, "", n.now, t.max, t.sequence, key.GetKeyId())
	t.password = sign(key.Key, t.id)
	n.tokens.tokens[t.sequence] = t
	kind, service := tokenKind, ""
	return &commonpb.GetDelegationTokenResponseProto{Token: &commonpb.TokenProto{Identifier: t.id, Password: t.password, Kind: &kind, Service: &service}}, nil
}

func (n *Namespace) findToken(id []byte) *token {
	for _, t := range n.tokens.tokens {
		if bytes.Equal(t.id, id) {
			return t
		}
	}
	return nil
}

func (n *Namespace) knownToken(tp *commonpb.TokenProto) (*token, error) {
	t := n.findToken(tp.GetIdentifier())
	if t == nil || !hmac.Equal(t.password, tp.GetPassword()) {
		return nil, fail(hdfs.InvalidToken, "token (%x) can't be found in cache", tp.GetIdentifier()[:min(8, len(tp.GetIdentifier()))])
	}
	return t, nil
}

func (n *Namespace) renewDelegationToken(h *Header, req *commonpb.RenewDelegationTokenRequestProto) (*commonpb.RenewDelegationTokenResponseProto, error) {
	t, err := n.knownToken(req.Token)
	if err != nil {
		return nil, err
	}
	if t.max < n.now {
		return nil, fail(hdfs.InvalidToken, "%s tried to renew an expired token of %s with max expiration date %d", h.User, t.owner, t.max)
	}
	if t.renewer == "" || t.renewer != h.User {
		return nil, fail(hdfs.AccessControl, "%s tries to renew a token of %s with non-matching renewer %s", h.User, t.owner, t.renewer)
	}
	c := *t
	c.renew = min(t.max, n.now+n.opt.TokenRenewInterval.Milliseconds())
	n.tokens.tokens[c.sequence] = &c
	until := uint64(c.renew)
	return &commonpb.RenewDelegationTokenResponseProto{NewExpiryTime: &until}, nil
}

func (n *Namespace) cancelDelegationToken(h *Header, req *commonpb.CancelDelegationTokenRequestProto) (*commonpb.CancelDelegationTokenResponseProto, error) {
	t, err := n.knownToken(req.Token)
	if err != nil {
		return nil, err
	}
	if h.User != t.owner && (t.renewer == "" || h.User != t.renewer) {
		return nil, fail(hdfs.AccessControl, "%s is not authorized to cancel the token of %s", h.User, t.owner)
	}
	delete(n.tokens.tokens, t.sequence)
	return &commonpb.CancelDelegationTokenResponseProto{}, nil
}

// VerifyToken answers the owner of a valid token.
func (n *Namespace) VerifyToken(identifier, password []byte, nowMS int64) (user string, err error) {
	t := n.findToken(identifier)
	if t == nil || !hmac.Equal(t.password, password) {
		return "", fail(hdfs.InvalidToken, "token is unknown or its password is wrong")
	}
	if t.renew < nowMS {
		return "", fail(hdfs.InvalidToken, "token of %s is expired", t.owner)
	}
	return t.owner, nil
}

func (n *Namespace) tokensOut() (out []*journalpb.Token) {
	for _, t := range n.tokens.tokens {
		out = append(out, &journalpb.Token{Identifier: t.id, Sequence: &t.sequence, RenewDateMs: &t.renew, MaxDateMs: &t.max, Owner: &t.owner, Renewer: &t.renewer, Password: t.password})
	}
	slices.SortFunc(out, func(a, b *journalpb.Token) int { return int(a.GetSequence()) - int(b.GetSequence()) })
	return out
}

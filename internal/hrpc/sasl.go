package hrpc

import (
	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/internal/hdfs"
	commonpb "github.com/lodehq/lode/proto/hadoop/common"
)

// saslState is how far a connection's negotiation is.
type saslState uint8

const (
	saslNone     saslState = iota // the client did not ask, or is through
	saslExpected                  // the client opened with SASL
)

// saslMessage answers a SASL frame. A server without security answers NEGOTIATE with SUCCESS, which makes clients go on
// without; INITIATE with method SIMPLE means the same and has no answer.
func (c *conn) saslMessage(id *answerHeader, rest []byte) error {
	if c.sasl != saslExpected {
		return c.fatalCall(id, fatalInvalidHeader, hdfs.RPCServerException, "SASL protocol not requested by client")
	}
	body, _, err := delimited(rest)
	var msg commonpb.RpcSaslProto
	if err == nil {
		err = proto.Unmarshal(body, &msg)
	}
	if err != nil {
		return c.fatalCall(id, fatalDeserializing, hdfs.RPCServerException, "Cannot read the SASL message: "+err.Error())
	}
	switch msg.GetState() {
	case commonpb.RpcSaslProto_NEGOTIATE:
		c.sasl = saslNone
		c.answer(id, &commonpb.RpcSaslProto{State: commonpb.RpcSaslProto_SUCCESS.Enum()})
		return nil
	case commonpb.RpcSaslProto_INITIATE:
		if a := msg.GetAuths(); len(a) == 1 && a[0].GetMethod() == "SIMPLE" {
			c.sasl = saslNone
			return nil
		}
	}
	return c.fatalCall(id, fatalUnauthorized, hdfs.AccessControl, msg.GetState().String()+" authentication is not enabled; this server takes SIMPLE")
}

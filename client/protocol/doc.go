// Package protocol gives Go method sets to the Hadoop protocols that a client speaks: ClientProtocol to the namenode,
// ClientDatanodeProtocol to a datanode's IPC port, and the small administrative protocols that share the namenode's port.
//
// It is a table, nothing else: a method per RPC, Hadoop's own request and response messages, no defaults and no retries.
// Connections, call ids, failover and exceptions are internal/hrpc's; what a call means is the caller's.
//
//	nn := protocol.NewNamenode(rpc)
//	resp, err := nn.GetFileInfo(ctx, &hdfspb.GetFileInfoRequestProto{Src: proto.String("/")})
//
// An error that the server sent is an *hdfs.Exception. A nil message is never returned without an error.
package protocol

import (
	"context"

	"google.golang.org/protobuf/proto"
)

// Caller makes one RPC of one protocol. *hrpc.Client is one; tests have their own.
type Caller interface {
	Call(ctx context.Context, method string, req, resp proto.Message) error
}

// Namenode is ClientProtocol (org.apache.hadoop.hdfs.protocol.ClientProtocol), all 111 calls. It is safe for concurrent use.
type Namenode struct{ rpc Caller }

// NewNamenode speaks ClientProtocol over rpc.
func NewNamenode(rpc Caller) *Namenode { return &Namenode{rpc: rpc} }

func call[M proto.Message](ctx context.Context, rpc Caller, method string, req proto.Message, resp M) (M, error) {
	if err := rpc.Call(ctx, method, req, resp); err != nil {
		var none M
		return none, err
	}
	return resp, nil
}

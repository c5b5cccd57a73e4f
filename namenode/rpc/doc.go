// Package rpc serves what clients and operators ask of the namenode over Hadoop RPC: ClientProtocol with all its 111 methods, the
// HA, refresh and reconfiguration protocols, and lode.NamenodeExtras. It translates; the rules are in namespace and blockmap.
//
// Four kinds of methods. A read runs under the read lock, on the connection's goroutine. A mutation is journaled with the bytes
// that came over the wire, and answers when it was applied. The calls of a writer (addBlock, complete, append, …) do more: the
// leader asks the namespace what the call needs, waits until the pipeline's replicas are reported, chooses datanodes, and only then
// proposes; so a file that was closed has all its replicas, and an append may follow at once. The rest asks the block map or the
// journal.
//
// What is switched off here (erasure coding, encryption zones, central caching, symlinks) answers as an Apache cluster does on
// which it is switched off: lists are empty, changes are refused in Apache's words.
//
// Handlers also serve WebHDFS: hrpc.Handler.ServeRPC is the Go-level form of every call.
package rpc

package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A batch in a Raft entry: version byte, the session and number by which its proposer knows it again, the number of commands,
// and the commands, each with its length.
const batchVersion = 1

const batchHeader = 1 + 8 + 8

// batchID names a batch: session is random for each process, seq counts its batches.
type batchID struct {
	session, seq uint64
}

func encodeBatch(id batchID, proposals []Proposal) []byte {
	size := batchHeader + binary.MaxVarintLen64
	for i := range proposals {
		size += len(proposals[i].Data) + binary.MaxVarintLen32
	}
	b := make([]byte, 0, size)
	b = append(b, batchVersion)
	b = binary.BigEndian.AppendUint64(b, id.session)
	b = binary.BigEndian.AppendUint64(b, id.seq)
	b = binary.AppendUvarint(b, uint64(len(proposals)))
	for i := range proposals {
		b = binary.AppendUvarint(b, uint64(len(proposals[i].Data)))
		b = append(b, proposals[i].Data...)
	}
	return b
}

// decodeBatch appends the commands of a Raft entry to into; they point into b.
func decodeBatch(b []byte, into []Entry) (batchID, []Entry, error) {
	if len(b) < batchHeader || b[0] != batchVersion {
		return batchID{}, nil, fmt.Errorf("journal entry of unknown form: %d bytes; was it written by a newer version?", len(b))
	}
	id := batchID{binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:])}
	b = b[batchHeader:]
	count, n := binary.Uvarint(b)
	if n <= 0 || count > uint64(len(b)) {
		return id, nil, errBadBatch
	}
	b = b[n:]
	for range count {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return id, nil, errBadBatch
		}
		into = append(into, Entry{Data: b[n : n+int(size)]})
		b = b[n+int(size):]
	}
	if len(b) > 0 {
		return id, nil, errBadBatch
	}
	return id, into, nil
}

var errBadBatch = errors.New("journal entry is malformed")

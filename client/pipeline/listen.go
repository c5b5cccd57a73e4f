package pipeline

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client/block"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// Numbers of acknowledgements that belong to no packet (PipelineAck).
const (
	seqHeartbeat = -1
	seqOOB       = -2
)

// listen reads the acknowledgements of one pipeline until its last packet's, or a fault.
func (s *Stream) listen(p *pipe, b *hdfspb.ExtendedBlockProto) {
	defer close(p.ended)
	if p.answer {
		if err := block.ReadPipelineAnswer(p.conn, b); err != nil {
			s.faulty(&fault{index: badIndex(p.nodes, err), setup: true, err: err})
			return
		}
	}
	ack := new(hdfspb.PipelineAckProto)
	for {
		if err := block.ReadDelimited(p.conn.R, ack); err != nil {
			s.faulty(&fault{index: -1, err: fmt.Errorf("acknowledgement of datanode %s: %w", p.conn.Node, err)})
			return
		}
		last, f := s.take(ack, b, p.nodes)
		if f != nil {
			s.faulty(f)
			return
		}
		if last {
			s.signal()
			return
		}
	}
}

// take counts one acknowledgement. It says whether it was the block's last.
func (s *Stream) take(ack *hdfspb.PipelineAckProto, b *hdfspb.ExtendedBlockProto, nodes []*hdfspb.DatanodeInfoProto) (bool, *fault) {
	if f := refusal(ack, nodes); f != nil {
		return false, f
	}
	seq := ack.GetSeqno()
	if seq == seqHeartbeat || seq == seqOOB {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sent) == 0 || s.sent[0].seqno != seq {
		return false, &fault{index: -1, err: fmt.Errorf("packet %d is acknowledged, which was not sent or is not the next", seq)}
	}
	p := s.sent[0]
	s.sent = s.sent[1:]
	s.anyAck = true
	s.acked = max(s.acked, seq)
	if p.end() > int64(b.GetNumBytes()) {
		b.NumBytes = proto.Uint64(uint64(p.end()))
	}
	last := p.last
	if s.retain {
		s.done = append(s.done, p)
	} else {
		s.release(p)
	}
	s.finished = last
	s.changed.Broadcast()
	if len(s.sent) == 0 {
		s.signal()
	}
	return last, nil
}

// refusal finds the datanode that did not take a packet, the one farthest down the pipeline.
func refusal(ack *hdfspb.PipelineAckProto, nodes []*hdfspb.DatanodeInfoProto) *fault {
	replies := ack.GetReply()
	for i := len(replies) - 1; i >= 0; i-- {
		st := replies[i]
		if st == hdfspb.Status_SUCCESS {
			continue
		}
		if i >= len(nodes) {
			return &fault{index: -1, err: fmt.Errorf("%d datanodes answered in a pipeline of %d", len(replies), len(nodes))}
		}
		return &fault{
			index: i, restarting: st == hdfspb.Status_OOB_RESTART,
			err: fmt.Errorf("datanode %s answered %s for packet %d", nodeName(nodes, i), st, ack.GetSeqno()),
		}
	}
	return nil
}

// faulty makes a fault known to run, unless the stream has ended by itself.
func (s *Stream) faulty(f *fault) {
	s.mu.Lock()
	if s.fault == nil {
		s.fault = f
	}
	s.mu.Unlock()
	s.signal()
}

// badIndex finds the datanode that a refusal of a pipeline names; -1 when it names nobody.
func badIndex(nodes []*hdfspb.DatanodeInfoProto, err error) int {
	var status *block.StatusError
	if errors.As(err, &status) && status.FirstBad != "" {
		for i, n := range nodes {
			if xferAddress(n.GetId()) == status.FirstBad {
				return i
			}
		}
		return 0
	}
	return -1
}

func xferAddress(id *hdfspb.DatanodeIDProto) string {
	return net.JoinHostPort(id.GetIpAddr(), strconv.Itoa(int(id.GetXferPort())))
}

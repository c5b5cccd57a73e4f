package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lodehq/lode/client/block"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// pipe is one open pipeline.
type pipe struct {
	conn   *block.Conn
	nodes  []*hdfspb.DatanodeInfoProto
	ended  chan struct{} // closed when listen has returned
	answer bool          // the answer to the request has to be read first
}

// run sends what the queue has until the stream is closed or fails.
func (s *Stream) run() {
	defer close(s.ended)
	defer s.hangUp()
	beat := time.NewTicker(s.cfg.Network.Timeout() / 2)
	defer beat.Stop()
	for {
		p, f, finished, stop := s.next()
		var err error
		switch {
		case stop:
			return
		case f != nil:
			err = s.recover(f)
		case finished:
			s.blockDone()
		case p != nil:
			beat.Reset(s.cfg.Network.Timeout() / 2)
			err = s.send(p)
		default:
			select {
			case <-s.wake:
			case <-s.ctx.Done():
			case <-beat.C:
				s.beat()
			}
		}
		if err != nil {
			s.fail(err)
			return
		}
	}
}

// next says what is to be done: send a packet, rebuild after a fault, finish the block, stop, or nothing.
func (s *Stream) next() (p *packet, f *fault, finished, stop bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return nil, nil, false, true
	case s.fault != nil:
		f, s.fault = s.fault, nil
		return nil, f, false, false
	case s.finished:
		s.finished = false
		return nil, nil, true, false
	case len(s.queue) == 0:
		return nil, nil, false, s.closing && len(s.sent) == 0
	}
	p = s.queue[0]
	if n := len(s.sent); n > 0 {
		if s.sent[n-1].last {
			return nil, nil, false, false
		}
		if p.last && s.anyAck {
			return nil, nil, false, false
		}
	}
	if p.last && !s.anyAck && !s.append {
		s.retain = true
	}
	return p, nil, false, false
}

// send sends the packet at the head of the queue, through a new pipeline if there is none.
func (s *Stream) send(p *packet) error {
	if s.pipe == nil {
		if err := s.open(); err != nil {
			return err
		}
		if s.pipe == nil {
			return nil // a datanode could not be reached: the next round asks for another block
		}
	}
	s.mu.Lock()
	s.queue = s.queue[1:]
	s.sent = append(s.sent, p)
	s.mu.Unlock()
	if _, err := s.pipe.conn.Write(p.wire); err != nil {
		s.writeFailed(err)
	}
	return nil
}

// writeFailed waits a little for the acknowledgement that says which datanode is bad, before it is taken for the first.
func (s *Stream) writeFailed(err error) {
	select {
	case <-s.pipe.ended:
	case <-time.After(2 * time.Second):
	case <-s.ctx.Done():
	}
	s.pipe.conn.Close()
	<-s.pipe.ended
	s.mu.Lock()
	if s.fault == nil {
		s.fault = &fault{index: -1, err: err}
	}
	s.mu.Unlock()
}

// beat tells an idle pipeline that the writer lives.
func (s *Stream) beat() {
	if s.pipe == nil {
		return
	}
	if _, err := s.pipe.conn.Write(heartbeat()); err != nil {
		s.writeFailed(err)
	}
}

// hangUp ends the pipeline in use.
func (s *Stream) hangUp() {
	if s.pipe != nil {
		s.pipe.conn.Close()
		<-s.pipe.ended
		s.pipe = nil
	}
}

// blockDone forgets a block whose last packet was acknowledged.
func (s *Stream) blockDone() {
	s.hangUp()
	s.before, s.block = s.block, nil
	s.append, s.tries = false, 0
	s.mu.Lock()
	s.anyAck, s.retain, s.flushed, s.fault = false, false, false, nil
	for _, p := range s.done {
		s.release(p)
	}
	s.done = nil
	s.changed.Broadcast()
	s.mu.Unlock()
}

// release gives a packet's room back. The caller holds mu.
func (s *Stream) release(p *packet) {
	s.held -= int64(p.n)
	s.pool.put(p.buf)
	p.buf, p.wire = nil, nil
}

// open makes a pipeline for a new block, or for the block that is appended to. It leaves s.pipe nil when the first datanode
// cannot be reached and another block is to be asked for.
func (s *Stream) open() error {
	if s.block != nil {
		return s.rebuild(hdfspb.OpWriteBlockProto_PIPELINE_SETUP_APPEND)
	}
	lb, err := s.addBlock()
	if err != nil {
		return s.wrap("new block", err)
	}
	s.blocks.Add(1)
	s.block = proto.CloneOf(lb.GetB())
	s.block.NumBytes = proto.Uint64(0)
	s.located = located{lb.GetLocs(), lb.GetStorageTypes(), lb.GetStorageIDs(), lb.GetBlockToken()}
	if len(s.located.nodes) == 0 {
		return s.wrap("new block", errors.New("the namenode gave no datanodes for "+block.Name(s.block)))
	}
	conn, err := s.request(hdfspb.OpWriteBlockProto_PIPELINE_SETUP_CREATE, 0, 0)
	if err != nil {
		return s.retryBlock(&fault{index: 0, setup: true, err: err})
	}
	s.listenOn(conn, true)
	return nil
}

// noTargetWait is how long a stream that lost datanodes waits for the namenode to find others: it hears of their load with
// their heartbeats only.
const noTargetWait = 12 * time.Second

// addBlock asks for the next block, again while the one before it is not replicated yet, or while there is no datanode
// beside those that failed this stream. After half of that time these may be tried again too.
func (s *Stream) addBlock() (*hdfspb.LocatedBlockProto, error) {
	req := &hdfspb.AddBlockRequestProto{
		Src: proto.String(s.cfg.Path), ClientName: proto.String(s.cfg.ClientName), Previous: s.before,
		ExcludeNodes: s.bad, FileId: proto.Uint64(s.cfg.FileID), FavoredNodes: s.cfg.Favored, Flags: s.cfg.Flags,
	}
	var lb *hdfspb.LocatedBlockProto
	began := time.Now()
	err := patiently(s.ctx, 30*time.Second, func() (bool, error) {
		resp, err := s.cfg.Namenode.AddBlock(s.ctx, req)
		lb = resp.GetBlock()
		if isNoTarget(err) && len(s.bad) > 0 && time.Since(began) < noTargetWait {
			if time.Since(began) > noTargetWait/2 {
				req.ExcludeNodes = nil
			}
			return true, err
		}
		return isNotReplicatedYet(err), err
	})
	return lb, err
}

// request connects to the first datanode and asks for the pipeline of s.located.
func (s *Stream) request(stage hdfspb.OpWriteBlockProto_BlockConstructionStage, newStamp uint64, sent int64) (*block.Conn, error) {
	l := s.located
	timeout := s.cfg.Network.Timeout() + time.Duration(len(l.nodes))*5*time.Second
	conn, err := s.cfg.Network.Dial(s.ctx, l.nodes[0].GetId(), timeout)
	if err != nil {
		return nil, err
	}
	b := proto.CloneOf(s.block)
	acked := int64(b.GetNumBytes())
	b.NumBytes = proto.Uint64(uint64(s.cfg.BlockSize)) // what a datanode reserves
	op := block.Pipeline{
		Block: b, Token: l.token, Nodes: l.nodes, StorageTypes: l.types, StorageIDs: l.ids,
		Stage: stage, NewGenStamp: newStamp, MinBytes: acked, MaxBytes: sent, Checksum: s.cfg.Checksum,
		LazyPersist: s.cfg.LazyPersist,
	}.Request(s.cfg.ClientName)
	if err := conn.Request(block.OpWriteBlock, op); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// listenOn makes conn the pipeline in use.
func (s *Stream) listenOn(conn *block.Conn, answer bool) {
	s.pipe = &pipe{conn: conn, nodes: s.located.nodes, ended: make(chan struct{}), answer: answer}
	go s.listen(s.pipe, s.block)
}

// retryBlock gives up a block of which nothing was acknowledged and lets the next round ask for another one.
func (s *Stream) retryBlock(f *fault) error {
	s.hangUp()
	s.requeue()
	nodes := s.located.nodes
	index := max(f.index, 0)
	var status *block.StatusError
	if !(errors.As(f.err, &status) && status.AccessToken()) && index < len(nodes) {
		s.bad = append(s.bad, nodes[index])
	}
	s.cfg.Logger.Warn("a block is given up and written anew", "path", s.cfg.Path, "block", block.Name(s.block),
		"datanode", nodeName(nodes, index), "error", f.err)
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Network.Timeout())
	defer cancel()
	_, err := s.cfg.Namenode.AbandonBlock(ctx, &hdfspb.AbandonBlockRequestProto{
		B: s.block, Src: proto.String(s.cfg.Path), Holder: proto.String(s.cfg.ClientName), FileId: proto.Uint64(s.cfg.FileID),
	})
	if err != nil {
		return s.wrap("give up block "+block.Name(s.block), err)
	}
	s.block = nil
	if s.tries++; s.tries >= s.cfg.SetupTries {
		return s.wrap(fmt.Sprintf("%d pipelines failed, the last one", s.tries), f.err)
	}
	return nil
}

// requeue puts what is not known to be kept back to the head of the queue.
func (s *Stream) requeue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := append(s.done, s.sent...)
	s.queue = append(again, s.queue...)
	s.sent, s.done, s.retain, s.finished, s.fault = nil, nil, false, false, nil
}

func nodeName(nodes []*hdfspb.DatanodeInfoProto, i int) string {
	if i < 0 || i >= len(nodes) {
		return "unknown"
	}
	return xferAddress(nodes[i].GetId())
}

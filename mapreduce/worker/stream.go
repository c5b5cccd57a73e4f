package worker

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	batchpb "github.com/lodehq/lode/proto/lode/batch"
)

const (
	shortestWait = 100 * time.Millisecond
	longestWait  = 2 * time.Second
)

// keepStream holds the stream to the scheduler until the worker is closed.
func (s *Server) keepStream() {
	conn, err := grpc.NewClient("passthrough:///"+s.cfg.Scheduler, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20), grpc.MaxCallSendMsgSize(256<<20)))
	if err != nil {
		s.cfg.Logger.Error("worker: address of the scheduler", "address", s.cfg.Scheduler, "err", err)
		return
	}
	defer conn.Close()
	wait := shortestWait
	for s.ctx.Err() == nil {
		began := time.Now()
		err := s.stream(batchpb.NewBatchClient(conn))
		if s.ctx.Err() != nil {
			return
		}
		if time.Since(began) > longestWait {
			wait = shortestWait
		}
		s.cfg.Logger.Warn("worker: stream to the scheduler ended, trying again", "scheduler", s.cfg.Scheduler, "err", err, "in", wait)
		conn.ResetConnectBackoff()
		select {
		case <-s.ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, longestWait)
	}
}

// stream registers and exchanges messages until the stream breaks.
func (s *Server) stream(client batchpb.BatchClient) error {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	if s.cfg.Token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.cfg.Token)
	}
	st, err := client.Work(ctx)
	if err != nil {
		return err
	}
	outbox := make(chan *batchpb.FromWorker, 1024)
	register := s.register(outbox)
	defer func() {
		s.mu.Lock()
		if s.outbox == outbox {
			s.outbox = nil
		}
		s.mu.Unlock()
	}()
	if err := st.Send(&batchpb.FromWorker{What: &batchpb.FromWorker_Register{Register: register}}); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() { sent <- s.sendLoop(ctx, st, outbox) }()
	err = s.receiveLoop(st)
	cancel()
	return errors.Join(err, <-sent)
}

func (s *Server) sendLoop(ctx context.Context, st grpc.BidiStreamingClient[batchpb.FromWorker, batchpb.ToWorker], outbox chan *batchpb.FromWorker) error {
	beat := time.NewTicker(s.cfg.Heartbeat)
	defer beat.Stop()
	for {
		var m *batchpb.FromWorker
		select {
		case <-ctx.Done():
			return nil
		case m = <-outbox:
		case <-beat.C:
			m = &batchpb.FromWorker{What: &batchpb.FromWorker_Heartbeat{Heartbeat: &batchpb.Heartbeat{}}}
		}
		if err := st.Send(m); err != nil {
			return err
		}
	}
}

func (s *Server) receiveLoop(st grpc.BidiStreamingClient[batchpb.FromWorker, batchpb.ToWorker]) error {
	for {
		m, err := st.Recv()
		if err != nil {
			return err
		}
		switch w := m.What.(type) {
		case *batchpb.ToWorker_Run:
			s.begin(w.Run)
		case *batchpb.ToWorker_Kill:
			s.kill(w.Kill)
		case *batchpb.ToWorker_Drop:
			s.drop(w.Drop)
		}
	}
}

// register describes the worker and what it holds, and makes outbox the way to the scheduler: what is finished later goes there.
func (s *Server) register(outbox chan *batchpb.FromWorker) *batchpb.Register {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbox = outbox
	r := &batchpb.Register{Worker: &batchpb.Worker{Id: s.id, Host: s.cfg.Host, Address: s.Address(), Slots: int32(s.cfg.Slots), MemoryMb: s.cfg.MemoryMB, Rack: s.cfg.Rack,
		Protections: protections(), StartedMs: s.started.UnixMilli()}}
	for _, a := range s.attempts {
		light := &batchpb.TaskSpec{AttemptId: a.spec.AttemptId, TaskId: a.spec.TaskId, Kind: a.spec.Kind, Stage: a.spec.Stage, Index: a.spec.Index, Attempt: a.spec.Attempt,
			Job: &batchpb.JobSpec{Id: a.spec.Job.Id}}
		r.Running = append(r.Running, light)
	}
	for id, j := range s.jobs {
		r.Jobs = append(r.Jobs, id)
		for _, res := range j.finished {
			r.Finished = append(r.Finished, res)
		}
	}
	return r
}

// send gives a message to the stream, if there is one. Statuses may be lost; results are kept in the job and sent again when
// the worker registers.
func (s *Server) send(m *batchpb.FromWorker) {
	s.mu.Lock()
	outbox := s.outbox
	s.mu.Unlock()
	if outbox == nil {
		return
	}
	if m.GetStatus() != nil {
		select {
		case outbox <- m:
		default:
		}
		return
	}
	select {
	case outbox <- m:
	case <-s.ctx.Done():
	}
}

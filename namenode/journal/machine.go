package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/hashicorp/raft"
)

// machine is raft's view of the StateMachine. Raft calls Apply, ApplyBatch, Snapshot and Restore from one goroutine.
type machine struct {
	j       *Journal
	entries []Entry
	batches [][]Proposal
}

var _ raft.BatchingFSM = (*machine)(nil)

func (m *machine) Apply(l *raft.Log) any {
	m.ApplyBatch([]*raft.Log{l})
	return nil
}

// ApplyBatch opens the batches of several Raft entries and gives them to the state machine as one.
func (m *machine) ApplyBatch(logs []*raft.Log) []any {
	m.entries, m.batches = m.entries[:0], m.batches[:0]
	for _, l := range logs {
		if l.Type != raft.LogCommand {
			continue
		}
		first := len(m.entries)
		id, entries, err := decodeBatch(l.Data, m.entries)
		if err != nil {
			// Going on would make this node differ from the others.
			panic(fmt.Sprintf("entry %d of the journal in %s: %v", l.Index, m.j.cfg.Dir, err))
		}
		m.entries = entries
		if batch := m.j.arrive(id); batch != nil {
			for i := range batch {
				m.entries[first+i].Value = batch[i].Value
			}
			m.batches = append(m.batches, batch)
		}
	}
	if len(m.entries) > 0 {
		m.j.cfg.Machine.Apply(m.entries)
		m.j.commands.Add(int64(len(m.entries)))
		m.j.sinceLast.Add(int64(len(m.entries)))
	}
	clear(m.entries)
	for _, b := range m.batches {
		m.j.recycle(b)
	}
	clear(m.batches)
	if cap(m.entries) > maxBatchCommands {
		m.entries = nil
	}
	return make([]any, len(logs))
}

func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	image, err := m.j.cfg.Machine.Image()
	if err != nil {
		return nil, err
	}
	return &snapshot{image: image, j: m.j, counted: m.j.sinceLast.Load()}, nil
}

func (m *machine) Restore(r io.ReadCloser) error {
	defer r.Close()
	return m.j.cfg.Machine.Restore(bufio.NewReaderSize(r, 1<<20))
}

// snapshot writes an image while the state machine goes on.
type snapshot struct {
	image   Image
	j       *Journal
	counted int64 // commands that the image covers
}

func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	w := bufio.NewWriterSize(sink, 1<<20)
	if _, err := s.image.WriteTo(w); err != nil {
		return errors.Join(fmt.Errorf("write image: %w", err), sink.Cancel())
	}
	if err := w.Flush(); err != nil {
		return errors.Join(fmt.Errorf("write image: %w", err), sink.Cancel())
	}
	if err := sink.Close(); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	s.j.sinceLast.Add(-s.counted)
	s.j.lastImage.Store(time.Now().UnixMilli())
	return nil
}

func (s *snapshot) Release() { s.image.Close() }

// WriteImage writes an image now and drops the log before it (saveNamespace).
func (j *Journal) WriteImage() error {
	err := j.raft.Snapshot().Error()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write an image to %s: %w", j.cfg.Dir, err)
	}
	return nil
}

// OpenImage opens the newest image, with its size in bytes; fs.ErrNotExist when none was written yet.
func (j *Journal) OpenImage() (io.ReadCloser, int64, error) {
	images, err := raft.NewFileSnapshotStoreWithLogger(j.cfg.Dir, 2, newRaftLogger(j.log, len(j.cfg.Peers) <= 1))
	if err != nil {
		return nil, 0, err
	}
	list, err := images.List()
	if err != nil {
		return nil, 0, err
	}
	if len(list) == 0 {
		return nil, 0, errNoImage
	}
	meta, r, err := images.Open(list[0].ID)
	if err != nil {
		return nil, 0, err
	}
	return r, meta.Size, nil
}

// writeImages writes images when enough commands or time have passed.
func (j *Journal) writeImages() {
	defer j.wg.Done()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-tick.C:
		}
		n := j.sinceLast.Load()
		due := n >= j.cfg.ImageEvery || n > 0 && time.Since(time.UnixMilli(j.lastImage.Load())) >= j.cfg.ImagePeriod
		if !due {
			continue
		}
		begin := time.Now()
		if err := j.WriteImage(); err != nil {
			j.log.Error("an image could not be written; trying again in a minute", "err", err)
			select {
			case <-j.stop:
				return
			case <-time.After(time.Minute):
			}
			continue
		}
		j.log.Info("image written", "commands", n, "took", time.Since(begin).Round(time.Millisecond))
	}
}

func parseUint(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

package datanode

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/lodehq/lode/internal/hrpc"
	pb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// peers knows where other datanodes are. A client names the rest of its pipeline by the addresses under which the client reaches
// them (lode.namenode.client-addresses), which may lead nowhere from here, or to another datanode. The uuid beside the address
// tells which datanode is meant; the namenode tells where it is registered.
//
// The namenode is asked when an address is new: once for each datanode where addresses are the same for all, every aliasAge where
// they are not.
type peers struct {
	ask func(ctx context.Context) ([]*pb.DatanodeInfoProto, error)
	now func() time.Time
	log *slog.Logger

	asking chan struct{} // holds a token while nobody asks

	mu      sync.Mutex // guards what follows; no I/O under it
	known   map[string]*pb.DatanodeIDProto
	aliases map[place]time.Time // when the namenode was asked about an address that is not the registered one
	failed  time.Time           // when the namenode did not answer
	told    bool                // that it did not, in the log
}

// place is an address that somebody gave for a datanode.
type place struct {
	uuid, ip string
	port     uint32
}

const (
	aliasAge   = 30 * time.Second
	askTimeout = 3 * time.Second
	askAgain   = 10 * time.Second // after no answer: a pipeline should not wait for it each time
)

func newPeers(cfg Config) (*peers, *hrpc.Client) {
	c := hrpc.NewClient(hrpc.ClientOptions{
		Addresses: cfg.Namenodes, Protocol: hrpc.ClientProtocol, User: cfg.User, Dialer: cfg.Dial,
		Timeout: askTimeout, ConnectTimeout: askTimeout, Attempts: 1, Logger: cfg.Log,
	})
	p := &peers{now: cfg.Now, log: cfg.Log, asking: make(chan struct{}, 1), known: map[string]*pb.DatanodeIDProto{}, aliases: map[place]time.Time{}}
	p.asking <- struct{}{}
	p.ask = func(ctx context.Context) ([]*pb.DatanodeInfoProto, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		var resp pb.GetDatanodeReportResponseProto
		err := c.Call(ctx, "getDatanodeReport", &pb.GetDatanodeReportRequestProto{Type: pb.DatanodeReportTypeProto_ALL.Enum()}, &resp)
		return resp.GetDi(), err
	}
	return p, c
}

// where is the registered identity of a datanode that somebody named, or what it was named when the namenode does not know better.
func (p *peers) where(ctx context.Context, id *pb.DatanodeIDProto) *pb.DatanodeIDProto {
	if at, ok := p.look(id); ok {
		return at
	}
	select {
	case <-p.asking:
		defer func() { p.asking <- struct{}{} }()
	case <-ctx.Done():
		return id
	}
	if at, ok := p.look(id); ok { // another asked meanwhile
		return at
	}
	list, err := p.ask(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			p.failed = p.now()
		}
		if !p.told {
			p.told = true
			p.log.Info("the namenode does not tell where datanodes are; clients' addresses of them are used", "error", err)
		}
		return id
	}
	p.failed, p.told = time.Time{}, false
	p.known = make(map[string]*pb.DatanodeIDProto, len(list))
	for _, d := range list {
		p.known[d.GetId().GetDatanodeUuid()] = d.GetId()
	}
	at, ok := p.known[id.GetDatanodeUuid()]
	if !ok {
		return id
	}
	if !same(at, id) {
		for a, t := range p.aliases {
			if p.now().Sub(t) > aliasAge {
				delete(p.aliases, a)
			}
		}
		p.aliases[placeOf(id)] = p.now()
	}
	return at
}

// look answers without asking, if it can.
func (p *peers) look(id *pb.DatanodeIDProto) (*pb.DatanodeIDProto, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.known[id.GetDatanodeUuid()]
	if ok && same(at, id) {
		return at, true
	}
	if t, alias := p.aliases[placeOf(id)]; ok && alias && p.now().Sub(t) < aliasAge {
		return at, true
	}
	if !p.failed.IsZero() && p.now().Sub(p.failed) < askAgain {
		if ok {
			return at, true
		}
		return id, true
	}
	return nil, false
}

func placeOf(id *pb.DatanodeIDProto) place {
	return place{id.GetDatanodeUuid(), id.GetIpAddr(), id.GetXferPort()}
}

func same(a, b *pb.DatanodeIDProto) bool { return placeOf(a) == placeOf(b) }

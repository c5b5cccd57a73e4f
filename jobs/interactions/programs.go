package interactions

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/format"
	"github.com/lodehq/lode/table/datafile"
	"github.com/lodehq/lode/table/datafile/schemas"
)

const usage = "<messages> <out> <service URL>"

// Programs gives the jobs of this package. table makes the outputs of silver.interactions (a row a message) and gold.interaction_counts; nil leaves the tables out.
//
// What a run leaves: <out> with customer and total, <out>-unresolved with names and counts, <out>-rejected with reasons and lines, <out>-posted with what the service acknowledged.
func Programs(table func(t *datafile.Table, mode datafile.Mode, filter *datafile.Filter) mapreduce.OutputFormat) []mapreduce.Program {
	return []mapreduce.Program{{
		Name: "interactions", Usage: usage,
		Description: "count interactions of each customer, find missing ids by name at a customer service, post the totals to it",
		Build: func(inv *mapreduce.Invocation) (*mapreduce.Job, error) {
			args, err := inv.NArgs(3, usage)
			if err != nil {
				return nil, err
			}
			in, out, service := args[0], strings.TrimSuffix(args[1], "/"), args[2]
			if u, err := url.Parse(service); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
				return nil, &mapreduce.UsageError{Program: inv.Program, Usage: usage, Message: fmt.Sprintf("%q is no http URL of a service", service)}
			}
			return build(in, out, service, table), nil
		},
	}}
}

func build(in, out, service string, table func(*datafile.Table, datafile.Mode, *datafile.Filter) mapreduce.OutputFormat) *mapreduce.Job {
	work := out + "-work"
	totals := &mapreduce.Stage{
		Name:    "totals",
		Inputs:  []mapreduce.Input{{Format: format.Text{Paths: []string{work + "/part-*"}}, Mapper: mapreduce.MapFunc(totalMap)}},
		Reducer: func() mapreduce.Reducer { return &totalReducer{table: table != nil} }, Reduces: 1, Output: format.NewTextOutput(out),
	}
	if table != nil {
		totals.Outputs = map[string]mapreduce.OutputFormat{"interaction_counts": table(schemas.InteractionCounts(), datafile.Overwrite, nil)}
	}
	customers := map[string]mapreduce.OutputFormat{"unresolved": format.NewTextOutput(out + "-unresolved"), "rejected": format.NewTextOutput(out + "-rejected")}
	if table != nil {
		customers["interactions"] = table(schemas.Interactions(), datafile.Overwrite, nil)
	}
	return &mapreduce.Job{Name: "interactions", Cleanup: []string{work}, Stages: []*mapreduce.Stage{
		{
			Name:   "customers",
			Inputs: []mapreduce.Input{{Format: format.Text{Paths: []string{in}}, Mapper: func() mapreduce.Mapper { return &messageMapper{rows: newEvents(table != nil)} }}},
			Reducer: func() mapreduce.Reducer {
				return &nameReducer{client: &Client{URL: service, HTTP: httpClient()}, rows: newEvents(table != nil)}
			}, Combiner: func() mapreduce.Reducer { return mapreduce.ReduceFunc(sumReduce)() },
			Reduces: 2, Output: format.NewTextOutput(work),
			Outputs: customers,
		},
		totals,
		{
			Name:    "outbox",
			Inputs:  []mapreduce.Input{{Format: format.Text{Paths: []string{out + "/part-*"}}, Mapper: func() mapreduce.Mapper { return &outboxMapper{client: &Client{URL: service, HTTP: httpClient()}} }}},
			Outputs: map[string]mapreduce.OutputFormat{"posted": format.NewTextOutput(out + "-posted")},
		},
	}}
}

func httpClient() *http.Client { return &http.Client{Timeout: 30 * time.Second} }

// Keys in the shuffle: a customer, or a name to be found.
const (
	idKey   = 'C'
	nameKey = 'N'
)

// messageMapper counts messages by customer or name. Rows of messages with an id are complete at once; of the others the reducer makes them.
type messageMapper struct{ rows *events }

func (t *messageMapper) Map(c *mapreduce.Context, key, line []byte) error {
	m, err := Parse(line)
	if err != nil {
		c.Counter("interactions", "rejected").Add(1)
		return c.EmitTo("rejected", []byte(strings.ReplaceAll(err.Error(), "\t", " ")), line)
	}
	c.Counter("interactions", "messages").Add(1)
	event := ""
	if t.rows != nil {
		if event, err = eventID(c, key); err != nil {
			return err
		}
	}
	if m.HasID {
		if err := t.rows.add(c, event, strconv.FormatInt(m.ID, 10), "event"); err != nil {
			return err
		}
		return c.Emit(strconv.AppendInt([]byte{idKey}, m.ID, 10), []byte("1"))
	}
	return c.Emit([]byte(string(nameKey)+m.First+"\x00"+m.Last), []byte("1"+strings.TrimSuffix("\t"+event, "\t")))
}

// Finish implements mapreduce.Finisher.
func (t *messageMapper) Finish(c *mapreduce.Context) error { return t.rows.flush(c) }

// sum adds counts. Counts of names may carry the messages they are of: "<count> TAB <event> TAB <event> …".
func sum(values *mapreduce.Values) (n int64, events []string, err error) {
	for values.Next() {
		count, rest, tagged := strings.Cut(string(values.Value()), "\t")
		v, err := strconv.ParseInt(count, 10, 64)
		if err != nil {
			return 0, nil, fmt.Errorf("a count between the stages: %w", err)
		}
		n += v
		if tagged {
			events = append(events, strings.Split(rest, "\t")...)
		}
	}
	return n, events, values.Err()
}

func sumReduce(c *mapreduce.Context, key []byte, values *mapreduce.Values) error {
	k := bytes.Clone(key)
	n, ids, err := sum(values)
	if err != nil {
		return err
	}
	count := strconv.AppendInt(nil, n, 10)
	for _, id := range ids {
		count = append(append(count, '\t'), id...)
	}
	return c.Emit(k, count)
}

// callers is how many calls to the service one task has under way.
const callers = 8

// nameReducer sees every name once, so every name is asked once. Names wait until there are enough to be asked side by side.
type nameReducer struct {
	client *Client
	rows   *events
	asks   []ask
}

type ask struct {
	first, last string
	n           int64
	events      []string
	id          int64
	err         error
}

// manyAsks bounds what waits.
const manyAsks = 256

func (r *nameReducer) Reduce(c *mapreduce.Context, key []byte, values *mapreduce.Values) error {
	k := bytes.Clone(key)
	n, ids, err := sum(values)
	if err != nil {
		return err
	}
	if k[0] == idKey {
		return c.Emit(k[1:], strconv.AppendInt(nil, n, 10))
	}
	first, last, _ := strings.Cut(string(k[1:]), "\x00")
	if r.asks = append(r.asks, ask{first: first, last: last, n: n, events: ids}); len(r.asks) < manyAsks {
		return nil
	}
	return r.resolve(c)
}

func (r *nameReducer) Finish(c *mapreduce.Context) error {
	if err := r.resolve(c); err != nil {
		return err
	}
	return r.rows.flush(c)
}

// resolve asks for all names that wait, then tells the counts in their order. A service that stays down fails the attempt, which is tried again; nothing of it is counted.
func (r *nameReducer) resolve(c *mapreduce.Context) error {
	g, ctx := errgroup.WithContext(c.Context())
	g.SetLimit(callers)
	for i := range r.asks {
		g.Go(func() error {
			a := &r.asks[i]
			a.id, a.err = r.client.Resolve(ctx, a.first, a.last)
			c.Progress()
			if a.err != nil && !errors.Is(a.err, ErrUnknown) && !errors.Is(a.err, ErrRefused) {
				return a.err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, a := range r.asks {
		count := strconv.AppendInt(nil, a.n, 10)
		who, from := strconv.FormatInt(a.id, 10), "api"
		if a.err != nil {
			who, from = "", ""
		}
		for _, event := range a.events {
			if err := r.rows.add(c, event, who, from); err != nil {
				return err
			}
		}
		if a.err != nil {
			c.Counter("interactions", "unresolved").Add(a.n)
			if err := c.EmitTo("unresolved", []byte(a.first+" "+a.last), count); err != nil {
				return err
			}
			continue
		}
		c.Counter("interactions", "resolved").Add(a.n)
		if err := c.Emit(strconv.AppendInt(nil, a.id, 10), count); err != nil {
			return err
		}
	}
	r.asks = r.asks[:0]
	return nil
}

// totalMap reads "customer TAB count".
func totalMap(c *mapreduce.Context, _, line []byte) error {
	id, n, ok := bytes.Cut(line, []byte{'\t'})
	if !ok {
		return fmt.Errorf("a line between the stages is no count: %.80q", line)
	}
	return c.Emit(id, n)
}

type totalReducer struct{ table bool }

func (r *totalReducer) Reduce(c *mapreduce.Context, key []byte, values *mapreduce.Values) error {
	k := bytes.Clone(key)
	n, _, err := sum(values)
	if err != nil {
		return err
	}
	if r.table {
		t := schemas.InteractionCounts()
		b := datafile.NewBatch(&t.Schema)
		b.Raw(k).Str("interact").Long(n).Null().Null()
		if err := c.EmitRow("interaction_counts", b); err != nil {
			return err
		}
	}
	return c.Emit(k, strconv.AppendInt(nil, n, 10))
}

// outboxMapper posts totals that are committed, several side by side; a customer comes once, so an old total never follows a new one.
type outboxMapper struct {
	client *Client
	posts  []post
}

type post struct {
	id, n   int64
	refused bool
}

func (m *outboxMapper) Map(c *mapreduce.Context, _, line []byte) error {
	who, count, _ := bytes.Cut(line, []byte{'\t'})
	id, err := strconv.ParseInt(string(who), 10, 64)
	if err != nil {
		return fmt.Errorf("a total's customer: %w", err)
	}
	n, err := strconv.ParseInt(string(count), 10, 64)
	if err != nil {
		return fmt.Errorf("a total of customer %d: %w", id, err)
	}
	if m.posts = append(m.posts, post{id: id, n: n}); len(m.posts) < manyAsks {
		return nil
	}
	return m.send(c)
}

func (m *outboxMapper) Finish(c *mapreduce.Context) error { return m.send(c) }

// send posts what waits. What the service refuses is parked: it stays visible, the others go on.
func (m *outboxMapper) send(c *mapreduce.Context) error {
	g, ctx := errgroup.WithContext(c.Context())
	g.SetLimit(callers)
	for i := range m.posts {
		g.Go(func() error {
			p := &m.posts[i]
			err := m.client.Report(ctx, p.id, p.n, fmt.Sprintf("interactions/%d/%d", p.id, p.n))
			c.Progress()
			if p.refused = errors.Is(err, ErrRefused); p.refused {
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, p := range m.posts {
		what, said := "posted", strconv.AppendInt(nil, p.n, 10)
		if p.refused {
			what, said = "parked", []byte("refused")
		}
		c.Counter("interactions", what).Add(1)
		if err := c.EmitTo("posted", strconv.AppendInt(nil, p.id, 10), said); err != nil {
			return err
		}
	}
	m.posts = m.posts[:0]
	return nil
}

package task

import (
	"errors"
	"fmt"

	"github.com/lodehq/lode/mapreduce"
)

// outputs are the open outputs of an attempt.
type outputs struct {
	a    *attempt
	open map[string]mapreduce.TaskOutput
}

func newOutputs(a *attempt) *outputs { return &outputs{a: a, open: map[string]mapreduce.TaskOutput{}} }

// main opens the main output as a collector that counts its records under the name.
func (o *outputs) main(counter string) (mapreduce.Collector, error) {
	out, err := o.a.stage.Output.Open(o.a.ctx, o.a.outputEnv(""))
	if err != nil {
		return nil, err
	}
	o.open[""] = out
	m := &mainOutput{out: out, n: o.a.counters.Get(mapreduce.GroupFramework, counter)}
	m.rows, _ = out.(mapreduce.RowWriter)
	return m, nil
}

// side opens a side output on first use.
func (o *outputs) side(name string) (mapreduce.TaskOutput, error) {
	if out := o.open[name]; out != nil {
		return out, nil
	}
	f, ok := o.a.stage.Outputs[name]
	if !ok {
		return nil, fmt.Errorf("the stage has no output %q", name)
	}
	out, err := f.Open(o.a.ctx, o.a.outputEnv(name))
	if err != nil {
		return nil, err
	}
	o.open[name] = out
	return out, nil
}

// close ends every output and keeps the payloads in the result.
func (o *outputs) close() error {
	o.a.result.Payloads = map[string][]byte{}
	for name, out := range o.open {
		payload, err := out.Close()
		if err != nil {
			return err
		}
		o.a.result.Payloads[name] = payload
		if b, ok := out.(mapreduce.ByteCounter); ok {
			o.a.counters.Get(mapreduce.GroupOutput, "BYTES_WRITTEN").Add(b.Bytes())
			o.a.counters.Get(mapreduce.GroupFileSystem, "HDFS_BYTES_WRITTEN").Add(b.Bytes())
		}
	}
	return nil
}

func (o *outputs) abort() error {
	var err error
	for _, out := range o.open {
		err = errors.Join(err, out.Abort())
	}
	return err
}

// mainOutput makes a Collector of a TaskOutput.
type mainOutput struct {
	out  mapreduce.TaskOutput
	rows mapreduce.RowWriter
	n    *mapreduce.Counter
}

func (m *mainOutput) Collect(key, value []byte) error {
	m.n.Add(1)
	return m.out.Write(key, value)
}

// WriteRow implements mapreduce.RowWriter.
func (m *mainOutput) WriteRow(row any) error {
	if m.rows == nil {
		return errors.New("the stage's main output takes no rows")
	}
	n := int64(1)
	if b, ok := row.(interface{ Len() int }); ok { // a batch of rows
		n = int64(b.Len())
	}
	m.n.Add(n)
	return m.rows.WriteRow(row)
}

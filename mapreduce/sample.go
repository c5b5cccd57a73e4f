package mapreduce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// SampleCuts is a Stage.Prepare for a total order: it reads the first keys of up to ten splits, spread over the input, and finds
// the cut points that give reduces about equal shares. CutPartitioner is its Stage.PartitionWith.
func SampleCuts(in InputFormat, reduces int, compare func(a, b []byte) int) func(ctx context.Context, env PrepareEnv) ([]byte, error) {
	const splitsRead, keysPerSplit = 10, 10_000
	return func(ctx context.Context, env PrepareEnv) ([]byte, error) {
		input := InputEnv{FS: env.FS, Conf: env.Conf}
		splits, err := in.Splits(ctx, input)
		if err != nil {
			return nil, err
		}
		n := min(splitsRead, len(splits))
		var keys [][]byte
		for i := range n {
			if keys, err = sampleSplit(ctx, in, splits[i*len(splits)/n], input, keysPerSplit, keys); err != nil {
				return nil, fmt.Errorf("sample the input: %w", err)
			}
		}
		if compare == nil {
			compare = bytes.Compare
		}
		slices.SortFunc(keys, compare)
		var cuts [][]byte
		for r := 1; r < reduces && len(keys) > 0; r++ {
			cut := keys[r*len(keys)/reduces]
			if len(cuts) == 0 || compare(cuts[len(cuts)-1], cut) < 0 {
				cuts = append(cuts, cut)
			}
		}
		return json.Marshal(cuts)
	}
}

func sampleSplit(ctx context.Context, in InputFormat, s Split, env InputEnv, n int, keys [][]byte) (_ [][]byte, err error) {
	r, err := in.Open(ctx, s, env)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for range n {
		k, _, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, bytes.Clone(k))
	}
	return keys, nil
}

// CutPartitioner is a Stage.PartitionWith: what SampleCuts found becomes a TotalOrder.
func CutPartitioner(compare func(a, b []byte) int) func(prepared []byte) (Partitioner, error) {
	return func(prepared []byte) (Partitioner, error) {
		t := &TotalOrder{Compare: compare}
		if err := json.Unmarshal(prepared, &t.Cuts); err != nil {
			return nil, fmt.Errorf("cut points: %w", err)
		}
		return t, nil
	}
}

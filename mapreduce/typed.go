package mapreduce

import "iter"

// Emitter emits typed records: e := mapreduce.NewEmitter(String(), Int64()); e.Emit(c, "word", 1).
// It keeps a buffer: one Emitter serves one Mapper or Reducer value.
type Emitter[K, V any] struct {
	key   Codec[K]
	value Codec[V]
	kb    []byte
	vb    []byte
}

// NewEmitter makes an Emitter.
func NewEmitter[K, V any](key Codec[K], value Codec[V]) *Emitter[K, V] {
	return &Emitter[K, V]{key: key, value: value}
}

// Emit codes and emits one record.
func (e *Emitter[K, V]) Emit(c *Context, k K, v V) error {
	e.kb = e.key.Append(e.kb[:0], k)
	e.vb = e.value.Append(e.vb[:0], v)
	return c.Emit(e.kb, e.vb)
}

// TypedMapper makes a Mapper of a function that is given the input value (a line, for text) and an emit function.
func TypedMapper[K, V any](key Codec[K], value Codec[V], f func(c *Context, line []byte, emit func(K, V) error) error) func() Mapper {
	return func() Mapper {
		e := NewEmitter(key, value)
		var ctx *Context
		emit := func(k K, v V) error { return e.Emit(ctx, k, v) }
		return mapFunc(func(c *Context, _, in []byte) error {
			ctx = c
			return f(c, in, emit)
		})
	}
}

// TypedReducer makes a Reducer of a function over typed values. The sequence can be walked once; a value that does not decode
// ends it and fails the attempt.
func TypedReducer[K, V any](key Codec[K], value Codec[V], f func(c *Context, k K, values iter.Seq[V]) error) func() Reducer {
	return ReduceFunc(func(c *Context, kb []byte, vs *Values) error {
		k, err := key.Decode(kb)
		if err != nil {
			return err
		}
		var bad error
		seq := func(yield func(V) bool) {
			for vs.Next() {
				v, err := value.Decode(vs.Value())
				if err != nil {
					bad = err
					return
				}
				if !yield(v) {
					return
				}
			}
		}
		if err := f(c, k, seq); err != nil {
			return err
		}
		if bad != nil {
			return bad
		}
		return vs.Err()
	})
}

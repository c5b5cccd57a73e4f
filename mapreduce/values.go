package mapreduce

import "iter"

// GroupSource is the engine's side of Values: it steps through the records of one group.
type GroupSource interface {
	// NextInGroup moves to the next record of the group; false at its end or on an error.
	NextInGroup() (key, value []byte, ok bool)
	Err() error
}

// Values iterates over the values of a group. It can be walked once; what is not walked is skipped.
type Values struct {
	src        GroupSource
	key, value []byte
}

// NewValues is for engines.
func NewValues(src GroupSource) *Values { return &Values{src: src} }

// Next moves to the next value.
func (v *Values) Next() bool {
	var ok bool
	v.key, v.value, ok = v.src.NextInGroup()
	return ok
}

// Value is the current value, valid until the next call of Next.
func (v *Values) Value() []byte { return v.value }

// Key is the full key of the current value: it differs from the group's key when Stage.Group is coarser than the sort order.
func (v *Values) Key() []byte { return v.key }

// Err tells what ended the iteration early; check it after Next returned false.
func (v *Values) Err() error { return v.src.Err() }

// All iterates over the values; check Err afterwards.
func (v *Values) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for v.Next() {
			if !yield(v.value) {
				return
			}
		}
	}
}

package sortmerge

import (
	"bufio"
	"errors"
	"os"
)

// writeFile writes a spill file: fill is called once a partition and adds its records in order. A file that could not be written
// to its end is removed.
func writeFile(file string, parts int, plain bool, fill func(part int, add func(k, v []byte) error) error) (_ Index, records int64, err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(file))
		}
	}()
	buffered := bufio.NewWriterSize(f, 128<<10)
	w := &segmentWriter{w: buffered, plain: plain}
	index := make(Index, parts)
	offset := int64(0)
	for part := range parts {
		if err := fill(part, w.add); err != nil {
			return nil, 0, err
		}
		seg, err := w.end(offset)
		if err != nil {
			return nil, 0, err
		}
		index[part] = seg
		offset += seg.Length
		records += seg.Records
	}
	return index, records, buffered.Flush()
}

func copyAll(s Source, add func(k, v []byte) error) error {
	for {
		if err := s.Next(); err != nil {
			return endOK(err)
		}
		if err := add(s.Key(), s.Value()); err != nil {
			return err
		}
	}
}

// WriteRun merges src into a file of one segment: an intermediate pass when there are too many segments to merge at once.
func WriteRun(file string, src Source) (Segment, error) {
	index, _, err := writeFile(file, 1, false, func(_ int, add func(k, v []byte) error) error { return copyAll(src, add) })
	if err != nil {
		return Segment{}, err
	}
	return index[0], nil
}

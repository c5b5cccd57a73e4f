// Package mapreduce holds the words that the author of a batch job uses. It contains no engine: the rooms below it
// (sortmerge, shuffle, task, worker, scheduler) run what is described here, in one process or on fifty machines.
//
// # The words
//
// A Program is what a user names: "wordcount", "nft-gold". Its Build turns command-line arguments and a Conf into a Job.
// Build is deterministic: the submitter, and every task process of the job, calls it with the same arguments and gets the
// same Job. That is how code travels: by name and arguments, never by shipping closures.
//
// A Job is a value: a list of Stages that run one after the other. A Stage is one map phase and, unless Reduces is 0, one
// reduce phase. Its Inputs (an InputFormat and a Mapper each) are cut into Splits; each split is one map task. A task that
// fails is tried again as another attempt (four in all); two attempts of one task may run at the same time (speculation).
//
// Records are bytes: a key and a value. Mappers read records from a RecordReader and emit records into the shuffle
// (Context.Emit) or, in a map-only stage, into the stage's Output. Any attempt can also write side outputs
// (Context.EmitTo, Context.EmitRow), each with its own OutputFormat. The Partitioner says which reduce task gets a key;
// within a partition records are sorted by key (bytes, or Stage.Sort); records whose keys are equal (or equal under
// Stage.Group) form one group, and the Reducer is called once a group with an iterator over the values.
//
// A Combiner is a Reducer that may be applied any number of times to part of a group on the map side. An Op (Sum, Min, Max,
// Count on 64-bit integers) is a combiner and reducer known to the engine, which then aggregates in a hash table before it
// sorts anything.
//
// The generic helpers (Codec, TypedMapper, TypedReducer, Emitter) put types on the edge; the order-preserving encodings make
// the order of the bytes the order of the values, so that a sort by a composite key needs no comparator.
//
// # Promises
//
// Output appears whole or not at all. Every attempt writes below a directory of its own; when all tasks are done, the job's
// commit, run once, publishes the files of exactly one attempt of each task. Mappers and reducers may therefore be
// called again for the same records in another attempt; what they do besides emitting must bear that.
//
// Counters are those of the successful attempts only, and add up: they have Hadoop's groups and names.
package mapreduce

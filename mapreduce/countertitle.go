package mapreduce

// The display names are those of Hadoop's resource bundles (TaskCounter.properties, JobCounter.properties, …): scripts read them.

func groupTitle(group string) string {
	switch group {
	case GroupFramework:
		return "Map-Reduce Framework"
	case GroupJob:
		return "Job Counters "
	case GroupFileSystem:
		return "File System Counters"
	case GroupInput:
		return "File Input Format Counters "
	case GroupOutput:
		return "File Output Format Counters "
	}
	return group
}

func groupRank(group string) int {
	switch group {
	case GroupFileSystem:
		return 0
	case GroupJob:
		return 1
	case GroupFramework:
		return 2
	case GroupShuffle:
		return 3
	case GroupInput:
		return 5
	case GroupOutput:
		return 6
	}
	return 4
}

type title struct{ group, name, text string }

func counterTitles() []title {
	return []title{
		{GroupFramework, MapInputRecords, "Map input records"},
		{GroupFramework, MapOutputRecords, "Map output records"},
		{GroupFramework, MapOutputBytes, "Map output bytes"},
		{GroupFramework, MapOutputMaterialized, "Map output materialized bytes"},
		{GroupFramework, SplitRawBytes, "Input split bytes"},
		{GroupFramework, CombineInputRecords, "Combine input records"},
		{GroupFramework, CombineOutputRecords, "Combine output records"},
		{GroupFramework, ReduceInputGroups, "Reduce input groups"},
		{GroupFramework, ReduceShuffleBytes, "Reduce shuffle bytes"},
		{GroupFramework, ReduceInputRecords, "Reduce input records"},
		{GroupFramework, ReduceOutputRecords, "Reduce output records"},
		{GroupFramework, SpilledRecords, "Spilled Records"},
		{GroupFramework, ShuffledMaps, "Shuffled Maps "},
		{GroupFramework, FailedShuffle, "Failed Shuffles"},
		{GroupFramework, MergedMapOutputs, "Merged Map outputs"},
		{GroupFramework, CPUMilliseconds, "CPU time spent (ms)"},
		{GroupFramework, PhysicalMemoryBytes, "Physical memory (bytes) snapshot"},
		{GroupJob, "NUM_FAILED_MAPS", "Failed map tasks"},
		{GroupJob, "NUM_FAILED_REDUCES", "Failed reduce tasks"},
		{GroupJob, "NUM_KILLED_MAPS", "Killed map tasks"},
		{GroupJob, "NUM_KILLED_REDUCES", "Killed reduce tasks"},
		{GroupJob, "TOTAL_LAUNCHED_MAPS", "Launched map tasks"},
		{GroupJob, "TOTAL_LAUNCHED_REDUCES", "Launched reduce tasks"},
		{GroupJob, "OTHER_LOCAL_MAPS", "Other local map tasks"},
		{GroupJob, "DATA_LOCAL_MAPS", "Data-local map tasks"},
		{GroupJob, "RACK_LOCAL_MAPS", "Rack-local map tasks"},
		{GroupJob, "MILLIS_MAPS", "Total time spent by all map tasks (ms)"},
		{GroupJob, "MILLIS_REDUCES", "Total time spent by all reduce tasks (ms)"},
		{GroupFileSystem, "FILE_BYTES_READ", "FILE: Number of bytes read"},
		{GroupFileSystem, "FILE_BYTES_WRITTEN", "FILE: Number of bytes written"},
		{GroupFileSystem, "HDFS_BYTES_READ", "HDFS: Number of bytes read"},
		{GroupFileSystem, "HDFS_BYTES_WRITTEN", "HDFS: Number of bytes written"},
		{GroupInput, "BYTES_READ", "Bytes Read"},
		{GroupOutput, "BYTES_WRITTEN", "Bytes Written"},
	}
}

func counterTitle(group, name string) string {
	for _, t := range counterTitles() {
		if t.group == group && t.name == name {
			return t.text
		}
	}
	return name
}

func counterRank(group, name string) int {
	for i, t := range counterTitles() {
		if t.group == group && t.name == name {
			return i
		}
	}
	return len(counterTitles())
}

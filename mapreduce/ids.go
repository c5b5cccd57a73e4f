package mapreduce

import (
	"fmt"
	"strconv"
	"strings"
)

// JobID names a job as Hadoop does: job_<start of the scheduler in ms>_<number, at least four digits>.
type JobID struct {
	Cluster int64
	Number  int
}

func (j JobID) String() string { return fmt.Sprintf("job_%d_%04d", j.Cluster, j.Number) }

// Application is the same id as YARN's clients write it.
func (j JobID) Application() string { return fmt.Sprintf("application_%d_%04d", j.Cluster, j.Number) }

// ParseJobID reads job_… and application_… ids.
func ParseJobID(s string) (JobID, error) {
	parts := strings.Split(s, "_")
	if len(parts) == 3 && (parts[0] == "job" || parts[0] == "application") {
		c, err1 := strconv.ParseInt(parts[1], 10, 64)
		n, err2 := strconv.Atoi(parts[2])
		if err1 == nil && err2 == nil && c >= 0 && n >= 0 {
			return JobID{c, n}, nil
		}
	}
	return JobID{}, fmt.Errorf("job id %q: the form is job_1732540000000_0001", s)
}

// TaskID is task_<cluster>_<job>_<m|r|s|c>_<six digits>. s and c are our setup and commit tasks.
func TaskID(job string, kind byte, index int) string {
	return fmt.Sprintf("task_%s_%c_%06d", strings.TrimPrefix(job, "job_"), kind, index)
}

// AttemptID is attempt_<cluster>_<job>_<kind>_<six digits>_<attempt>.
func AttemptID(job string, kind byte, index, attempt int) string {
	return fmt.Sprintf("attempt_%s_%c_%06d_%d", strings.TrimPrefix(job, "job_"), kind, index, attempt)
}

package webhdfs

import (
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

func allowSnapshot(r *request) (any, error) {
	_, err := call[*hdfspb.AllowSnapshotResponseProto](r, "allowSnapshot", &hdfspb.AllowSnapshotRequestProto{SnapshotRoot: &r.path})
	return empty{}, err
}

func disallowSnapshot(r *request) (any, error) {
	_, err := call[*hdfspb.DisallowSnapshotResponseProto](r, "disallowSnapshot", &hdfspb.DisallowSnapshotRequestProto{SnapshotRoot: &r.path})
	return empty{}, err
}

func createSnapshot(r *request) (any, error) {
	req := &hdfspb.CreateSnapshotRequestProto{SnapshotRoot: &r.path}
	if name := r.get("snapshotname"); name != "" {
		req.SnapshotName = &name
	}
	resp, err := call[*hdfspb.CreateSnapshotResponseProto](r, "createSnapshot", req)
	return map[string]string{"Path": resp.GetSnapshotPath()}, err
}

func renameSnapshot(r *request) (any, error) {
	old, err := r.required("oldsnapshotname")
	if err != nil {
		return nil, err
	}
	name, err := r.required("snapshotname")
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.RenameSnapshotResponseProto](r, "renameSnapshot", &hdfspb.RenameSnapshotRequestProto{SnapshotRoot: &r.path, SnapshotOldName: &old, SnapshotNewName: &name})
	return empty{}, err
}

func deleteSnapshot(r *request) (any, error) {
	name, err := r.required("snapshotname")
	if err != nil {
		return nil, err
	}
	_, err = call[*hdfspb.DeleteSnapshotResponseProto](r, "deleteSnapshot", &hdfspb.DeleteSnapshotRequestProto{SnapshotRoot: &r.path, SnapshotName: &name})
	return empty{}, err
}

// diffTypes are the names behind the labels of a diff (SnapshotDiffReport.DiffType).
var diffTypes = map[string]string{"+": "CREATE", "M": "MODIFY", "-": "DELETE", "R": "RENAME"}

func getSnapshotDiff(r *request) (any, error) {
	from, to := r.get("oldsnapshotname"), r.get("snapshotname")
	resp, err := call[*hdfspb.GetSnapshotDiffReportResponseProto](r, "getSnapshotDiffReport", &hdfspb.GetSnapshotDiffReportRequestProto{SnapshotRoot: &r.path, FromSnapshot: &from, ToSnapshot: &to})
	if err != nil {
		return nil, err
	}
	d, list := resp.GetDiffReport(), []any{}
	for _, e := range d.GetDiffReportEntries() {
		m := map[string]any{"type": diffTypes[e.GetModificationLabel()], "sourcePath": string(e.GetFullpath())}
		if len(e.GetTargetPath()) > 0 {
			m["targetPath"] = string(e.GetTargetPath())
		}
		list = append(list, m)
	}
	return map[string]any{"SnapshotDiffReport": map[string]any{
		"diffList": list, "fromSnapshot": d.GetFromSnapshot(), "snapshotRoot": d.GetSnapshotRoot(), "toSnapshot": d.GetToSnapshot(),
	}}, nil
}

func getSnapshottableDirectoryList(r *request) (any, error) {
	resp, err := call[*hdfspb.GetSnapshottableDirListingResponseProto](r, "getSnapshottableDirListing", &hdfspb.GetSnapshottableDirListingRequestProto{})
	if err != nil {
		return nil, err
	}
	if resp.SnapshottableDirList == nil {
		return map[string]any{"SnapshottableDirectoryList": nil}, nil
	}
	list := []any{}
	for _, s := range resp.GetSnapshottableDirList().GetSnapshottableDirListing() {
		list = append(list, map[string]any{
			"dirStatus": fileStatus(s.GetDirStatus(), string(s.GetDirStatus().GetPath())), "parentFullPath": string(s.GetParentFullpath()),
			"snapshotNumber": s.GetSnapshotNumber(), "snapshotQuota": s.GetSnapshotQuota(),
		})
	}
	return map[string]any{"SnapshottableDirectoryList": list}, nil
}

func getSnapshotList(r *request) (any, error) {
	resp, err := call[*hdfspb.GetSnapshotListingResponseProto](r, "getSnapshotListing", &hdfspb.GetSnapshotListingRequestProto{SnapshotRoot: &r.path})
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, s := range resp.GetSnapshotList().GetSnapshotListing() {
		list = append(list, map[string]any{
			"dirStatus": fileStatus(s.GetDirStatus(), string(s.GetDirStatus().GetPath())), "parentFullPath": string(s.GetParentFullpath()),
			"snapshotID": s.GetSnapshotID(), "deletionStatus": map[bool]string{true: "DELETED", false: "ACTIVE"}[s.GetIsDeleted()],
		})
	}
	return map[string]any{"SnapshotList": list}, nil
}

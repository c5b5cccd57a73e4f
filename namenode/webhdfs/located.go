package webhdfs

import (
	"encoding/base64"
	"net"
	"strconv"

	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// locatedBlocks is JsonUtil.toJsonMap(LocatedBlocks): what Apache's WebHDFS client reads back.
func locatedBlocks(l *hdfspb.LocatedBlocksProto) map[string]any {
	blocks := []any{}
	for _, b := range l.GetBlocks() {
		blocks = append(blocks, locatedBlock(b))
	}
	m := map[string]any{
		"fileLength": l.GetFileLength(), "isUnderConstruction": l.GetUnderConstruction(), "locatedBlocks": blocks, "isLastBlockComplete": l.GetIsLastBlockComplete(),
		"lastLocatedBlock": nil,
	}
	if l.GetLastBlock() != nil {
		m["lastLocatedBlock"] = locatedBlock(l.GetLastBlock())
	}
	return m
}

func locatedBlock(b *hdfspb.LocatedBlockProto) map[string]any {
	locations, types := []any{}, []string{}
	for _, d := range b.GetLocs() {
		locations = append(locations, datanode(d))
	}
	for _, t := range b.GetStorageTypes() {
		types = append(types, t.String())
	}
	return map[string]any{
		"blockToken":  map[string]any{"urlString": tokenString(b)},
		"isCorrupt":   b.GetCorrupt(),
		"startOffset": b.GetOffset(),
		"block": map[string]any{
			"blockPoolId": b.GetB().GetPoolId(), "blockId": b.GetB().GetBlockId(), "numBytes": b.GetB().GetNumBytes(), "generationStamp": b.GetB().GetGenerationStamp(),
		},
		"locations": locations, "cachedLocations": []any{}, "storageTypes": types,
	}
}

// tokenString is Token.encodeToUrlString of an empty token: lengths of identifier, password, kind and service, all 0.
func tokenString(*hdfspb.LocatedBlockProto) string {
	return base64.RawURLEncoding.EncodeToString(make([]byte, 4))
}

func datanode(d *hdfspb.DatanodeInfoProto) map[string]any {
	id := d.GetId()
	return map[string]any{
		"ipAddr": id.GetIpAddr(), "hostName": id.GetHostName(), "storageID": id.GetDatanodeUuid(),
		"name":     net.JoinHostPort(id.GetIpAddr(), strconv.FormatUint(uint64(id.GetXferPort()), 10)),
		"xferPort": id.GetXferPort(), "infoPort": id.GetInfoPort(), "infoSecurePort": id.GetInfoSecurePort(), "ipcPort": id.GetIpcPort(),
		"capacity": d.GetCapacity(), "dfsUsed": d.GetDfsUsed(), "remaining": d.GetRemaining(), "blockPoolUsed": d.GetBlockPoolUsed(),
		"cacheCapacity": d.GetCacheCapacity(), "cacheUsed": d.GetCacheUsed(), "lastUpdate": d.GetLastUpdate(), "lastUpdateMonotonic": d.GetLastUpdateMonotonic(),
		"xceiverCount": d.GetXceiverCount(), "networkLocation": d.GetLocation(), "adminState": d.GetAdminState().String(),
	}
}

package webhdfs

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/lodehq/lode/internal/hdfs"
	hdfspb "github.com/lodehq/lode/proto/hadoop/hdfs"
)

// xattrName splits user.name into its name space and the rest (XAttrHelper.buildXAttr).
func xattrName(full string) (*hdfspb.XAttrProto, error) {
	space, name, _ := strings.Cut(full, ".")
	n, ok := hdfspb.XAttrProto_XAttrNamespaceProto_value[strings.ToUpper(space)]
	if !ok || !strings.Contains(full, ".") {
		return nil, hdfs.Errorf(hdfs.IllegalArgument, "An XAttr name must be prefixed with user/trusted/security/system/raw, followed by a '.'")
	}
	if name == "" {
		return nil, hdfs.Errorf(hdfs.IllegalArgument, "XAttr name cannot be empty.")
	}
	return &hdfspb.XAttrProto{Namespace: hdfspb.XAttrProto_XAttrNamespaceProto(n).Enum(), Name: &name}, nil
}

func xattrFullName(x *hdfspb.XAttrProto) string {
	return strings.ToLower(x.GetNamespace().String()) + "." + x.GetName()
}

// xattrValue reads "text", 0xhex, 0sBase64 or bare text (XAttrCodec.decodeValue).
func xattrValue(text string) ([]byte, error) {
	switch {
	case len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"':
		return []byte(text[1 : len(text)-1]), nil
	case strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X"):
		v, err := hex.DecodeString(text[2:])
		if err != nil {
			return nil, hdfs.Errorf(hdfs.IOException, "%v", err)
		}
		return v, nil
	case strings.HasPrefix(text, "0s") || strings.HasPrefix(text, "0S"):
		v, err := base64.StdEncoding.DecodeString(text[2:])
		if err != nil {
			return nil, hdfs.Errorf(hdfs.IOException, "%v", err)
		}
		return v, nil
	}
	return []byte(text), nil
}

func encodeXattr(value []byte, encoding string) string {
	switch encoding {
	case "hex":
		return "0x" + hex.EncodeToString(value)
	case "base64":
		return "0s" + base64.StdEncoding.EncodeToString(value)
	}
	return `"` + string(value) + `"`
}

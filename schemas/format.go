package schemas

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// formats are those that the API server can't decode otherwise.
var formats = map[string]func(any) bool{
	"quantity":  isQuantity,
	"byte":      isBase64,
	"date-time": isTime,
}

// formatWords name a format in a message.
var formatWords = map[string]string{
	"quantity":  "a quantity such as 500m or 1Gi",
	"byte":      "base64",
	"date-time": "a time such as 2006-01-02T15:04:05Z",
}

func isQuantity(v any) bool {
	var text string
	switch v := v.(type) {
	case string:
		text = strings.TrimSpace(v)
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		raw, err := json.Marshal(v)
		if err != nil {
			return false
		}
		text = string(raw)
	default:
		return true
	}
	_, err := resource.ParseQuantity(text)
	return err == nil
}

func isBase64(v any) bool {
	text, ok := v.(string)
	// A value that SOPS encrypted is decrypted before the server sees it.
	if !ok || strings.HasPrefix(text, "ENC[") {
		return true
	}
	_, err := base64.StdEncoding.DecodeString(text)
	return err == nil
}

func isTime(v any) bool {
	text, ok := v.(string)
	if !ok {
		return true
	}
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

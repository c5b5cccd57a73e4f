package webhdfs

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// cookieKey signs hadoop.auth cookies; it lives as long as the process, and a client with an older cookie is asked again.
var cookieKey = sync.OnceValue(func() []byte {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		panic(err) // crypto/rand never fails on the systems we build for
	}
	return key
})

const cookieLife = 10 * time.Hour // hadoop.http.authentication.token.validity

func sign(text string) string {
	m := hmac.New(sha256.New, cookieKey())
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// setCookie tells a caller with user.name the cookie of AuthenticationFilter: u=USER&p=USER&t=simple&e=EXPIRY&s=SIGNATURE.
func (h *Handler) setCookie(w http.ResponseWriter, req *request) {
	user := req.args.Get("user.name")
	if user == "" {
		return
	}
	text := fmt.Sprintf("u=%s&p=%s&t=simple&e=%d", user, user, time.Now().Add(cookieLife).UnixMilli())
	w.Header().Set("Set-Cookie", "hadoop.auth=\""+text+"&s="+sign(text)+"\"; Path=/; HttpOnly")
}

// userOfCookie is the user of a valid cookie, or "".
func userOfCookie(r *http.Request) string {
	c, err := r.Cookie("hadoop.auth")
	if err != nil {
		return ""
	}
	text, signature, ok := strings.Cut(strings.Trim(c.Value, `"`), "&s=")
	if !ok || !hmac.Equal([]byte(signature), []byte(sign(text))) {
		return ""
	}
	user := ""
	for _, part := range strings.Split(text, "&") {
		k, v, _ := strings.Cut(part, "=")
		switch k {
		case "u":
			user = v
		case "e":
			if ms, err := strconv.ParseInt(v, 10, 64); err != nil || time.Now().UnixMilli() > ms {
				return ""
			}
		}
	}
	return user
}

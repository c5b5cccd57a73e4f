// Package interactions counts how often each customer was in touch, and tells a customer service the totals.
//
// Messages are lines of JSON: {"idClient": 17, "nom": "Vipe", "prenom": "Karami", "dateNaissance": …, "lieuNaissance": …}. The id may be null, "" or absent; then the
// service is asked who bears the name (POST /getcustomer {"firstname", "lastname"}). Equal messages count each: a message has no id of its own. What is no message is kept
// with the reason, names that nobody bears are kept with their count; nothing is lost.
//
// The flow is three stages. First, messages meet by customer id, or by name when there is none, so that every name is asked once however often it comes; second, counts are
// summed by customer; third, after the totals are committed, they are posted (POST /data {"customerId", "intercationNumber"}: that spelling is the service's contract).
// A total is absolute and carries an Idempotency-Key, so that posting it again does no harm.
//
// The service may be slow, answer 500 or drop connections: calls are tried again with growing pauses, and when it fails many times in a row all callers wait for a
// while (a circuit breaker) before they try again.
package interactions

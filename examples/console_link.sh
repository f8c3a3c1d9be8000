call -X POST $API/auth/app-portal-access/acme --json '{"expiry": 3600}'

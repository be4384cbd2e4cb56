-- wechat.lua: asks wechat_check who is behind a request, for haproxy.cfg.
--
-- The action lets a request go on, with the identity headers of the check's answer and
-- no others, or answers it. What goes wrong here is a 503, never a request that goes on.

local check = "http://127.0.0.1:9180/"
local timeout = 2000 -- ms

-- every name that the check may answer; a client's own are gone by now
local identity = {
	"x-wechat-openid", "x-wechat-appid", "x-wechat-unionid", "x-wechat-userinfo", "x-wechat-phone",
	"x-wechat-assertion", "x-wx-openid", "x-wx-appid", "x-wx-unionid", "x-wx-source",
}

-- what of a refusal the client gets
local told = { "content-type", "www-authenticate", "retry-after", "x-wechat-error", "cache-control" }

-- all values of a header; HAProxy counts them from 0
local function values(headers, name)
	local list = {}
	local i = 0
	local found = headers and headers[name]
	while found and found[i] ~= nil do
		list[#list + 1] = found[i]
		i = i + 1
	end
	return list
end

local function refuse(txn, status, headers, body)
	local reply = txn:reply()
	reply:set_status(status)
	for _, name in ipairs(told) do
		for _, value in ipairs(values(headers, name)) do
			reply:add_header(name, value)
		end
	end
	reply:set_body(body)
	txn:done(reply)
end

local function unavailable(txn)
	refuse(txn, 503, {
		["content-type"] = { [0] = "application/json" },
		["retry-after"] = { [0] = "2" },
		["cache-control"] = { [0] = "no-store" },
	}, '{"error":"temporarily_unavailable","error_description":"try again in a moment"}')
end

core.register_action("wechat_check", { "http-req" }, function(txn)
	-- the credential and nothing else; with the option cookie of wechat_check, cookie too
	local headers = {}
	local sent = values(txn.http:req_get_headers(), "authorization")
	if #sent > 0 then
		headers["authorization"] = sent
	end
	local ok, answer = pcall(function()
		return core.httpclient():get({ url = check, headers = headers, timeout = timeout })
	end)
	if not ok or answer == nil then
		return unavailable(txn)
	end
	if answer.status == 200 and answer.headers and answer.headers["x-envoy-auth-headers-to-remove"] then
		for _, name in ipairs(identity) do
			local value = values(answer.headers, name)[1]
			if value ~= nil and value ~= "" then
				txn.http:req_set_header(name, value)
			end
		end
		return
	end
	-- a check's own refusal; HAProxy itself answers for a gateway that is not there
	if answer.headers and answer.headers["x-wechat-error"] then
		return refuse(txn, answer.status, answer.headers, answer.body)
	end
	unavailable(txn)
end)
